"""The rule of every server: what strangers can reach has tokens and encryption, or says that this is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from model_registry.settings import RegistrySettings
from pipit.errors import InvalidInput
from pipit.service.settings import ServiceSettings
from pipit.serving.settings import ServingSettings
from pipit.settings import describe, load_settings

SERVERS: list[tuple[type[ServiceSettings], dict[str, Any], str]] = [
    (ServingSettings, {"tasks": ("a.b",)}, "PIPIT_SERVING_"),
    (RegistrySettings, {}, "PIPIT_REGISTRY_"),
]
GUARDS: dict[str, Any] = {"tokens": Path("t"), "tls_certificate": Path("c"), "tls_key": Path("k")}


@pytest.fixture(params=SERVERS, ids=["inference", "registry"])
def server(request: pytest.FixtureRequest) -> tuple[type[ServiceSettings], dict[str, Any], str]:
    kind, more, prefix = request.param
    return kind, more, prefix


@pytest.mark.parametrize("given", [(), ("tokens",), ("tls_certificate", "tls_key")])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "::", "192.168.0.2", "pi.local"])
def test_what_strangers_reach_needs_tokens_and_encryption(
    server: tuple[type[ServiceSettings], dict[str, Any], str], host: str, given: tuple[str, ...]
) -> None:
    kind, more, prefix = server
    more = {**more, "host": host, **{name: GUARDS[name] for name in given}}
    is_anonymous, is_plain = "tokens" not in given, "tls_key" not in given
    with pytest.raises(InvalidInput) as caught:
        load_settings(kind, **more)
    text = str(caught.value)
    assert f"other machines can reach {host}: set " in text
    assert (f"{prefix}TOKENS, or {prefix}ALLOW_ANONYMOUS=true" in text) is is_anonymous
    assert (f"{prefix}TLS_CERTIFICATE and {prefix}TLS_KEY, or {prefix}INSECURE=true" in text) is is_plain
    if is_anonymous and is_plain:
        for half in ("allow_anonymous", "insecure"):
            with pytest.raises(InvalidInput, match="other machines can reach"):
                load_settings(kind, **{half: True}, **more)
    settings = load_settings(kind, allow_anonymous=is_anonymous, insecure=is_plain, **more)
    assert (settings.host, settings.is_anonymous, settings.is_plain) == (host, is_anonymous, is_plain)


@pytest.mark.parametrize("host", ["0.0.0.0", "pi.local"])
def test_with_both_it_is_open_to_other_machines(
    server: tuple[type[ServiceSettings], dict[str, Any], str], host: str
) -> None:
    kind, more, _ = server
    settings = load_settings(kind, host=host, **more, **GUARDS)
    assert (settings.host, settings.is_anonymous, settings.is_plain) == (host, False, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_needs_neither(server: tuple[type[ServiceSettings], dict[str, Any], str], host: str) -> None:
    kind, more, _ = server
    settings = load_settings(kind, host=host, **more)
    assert (settings.host, settings.is_anonymous, settings.is_plain) == (host, False, False)


def test_callers_show_certificates_by_tls_alone(server: tuple[type[ServiceSettings], dict[str, Any], str]) -> None:
    kind, more, _ = server
    with pytest.raises(InvalidInput, match="tls_client_ca needs tls_certificate and tls_key"):
        load_settings(kind, tls_client_ca=Path("ca"), **more)


def test_metrics_hold_no_secrets(server: tuple[type[ServiceSettings], dict[str, Any], str]) -> None:
    kind, more, _ = server
    assert load_settings(kind, metrics_host="0.0.0.0", **more).metrics_host == "0.0.0.0"


def test_keys_come_as_one_variable(
    server: tuple[type[ServiceSettings], dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, more, prefix = server
    for text in ("/a, /b,", '["/a", "/b"]'):
        monkeypatch.setenv(f"{prefix}TRUSTED_KEYS", text)
        assert load_settings(kind, **more).trusted_keys == (Path("/a"), Path("/b"))


def test_every_setting_says_what_it_is(server: tuple[type[ServiceSettings], dict[str, Any], str]) -> None:
    kind, _, _ = server
    describe(kind)
    assert [name for name, field in kind.model_fields.items() if not (field.description or "").endswith(".")] == []
