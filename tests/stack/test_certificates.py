"""The certificates of `compose/secrets.sh`: what they are for, when they are made anew, what a device gets."""

from __future__ import annotations

import datetime
import os
import shutil
import stat
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from pipit.deployment import read_domains

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "compose" / "secrets.sh"
DOMAINS = [domain.name for domain in read_domains(REPOSITORY)]
HOLDERS = ["registry", "console", "caller", *DOMAINS]
MONTH = datetime.timedelta(days=30)


def make(folder: Path, *arguments: str, fails: bool = False, **variables: str) -> str:
    """What is said on the way."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")}
    done = subprocess.run(
        ["sh", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "PIPIT_SECRETS": str(folder), **variables},
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stdout + done.stderr


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def holder(folder: Path, name: str) -> x509.Certificate:
    return certificate(folder / "tls" / name / "tls.crt")


def names(found: x509.Certificate) -> set[str]:
    extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = extension.get_values_for_type(x509.IPAddress)
    return {*extension.get_values_for_type(x509.DNSName), *map(str, addresses)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make(folder)
    return folder


@pytest.fixture
def secrets(made: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "secrets"))


@pytest.mark.parametrize("name", HOLDERS)
def test_a_certificate_leads_to_the_authority_and_fits_its_key(made: Path, name: str) -> None:
    authority = certificate(made / "ca.pem")
    found = holder(made, name)
    verifier = PolicyBuilder().store(Store([authority]))
    # As strictly as a browser: by its extensions, its key and its dates.
    host = "caller" if name == "caller" else "localhost"
    assert verifier.build_server_verifier(x509.DNSName(host)).verify(found, []) == [found, authority]
    assert verifier.build_client_verifier().verify(found, []).chain == [found, authority]
    key = serialization.load_pem_private_key((made / "tls" / name / "tls.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert key.public_key() == found.public_key()
    assert (made / "tls" / name / "ca.crt").read_bytes() == (made / "ca.pem").read_bytes()
    usages = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


@pytest.mark.parametrize("name", ["registry", "console", *DOMAINS])
def test_a_server_is_known_by_all_of_its_names(made: Path, name: str) -> None:
    here = os.uname().nodename
    local = {here} if "." in here else {here, f"{here}.local"}
    in_cluster = name if name in ("registry", "console") else f"{name}-inference"
    found = names(holder(made, name))
    assert {name, in_cluster, f"{in_cluster}.pipit.svc", "localhost", "127.0.0.1", "::1"} | local <= found
    others = {
        each for other in ("registry", "console", *DOMAINS) if other != name for each in (other, f"{other}-inference")
    }
    assert not others & found


def test_the_authority_signs_certificates_and_nothing_below_it_does(made: Path) -> None:
    for found, may in ((certificate(made / "ca.pem"), True), (holder(made, "registry"), False)):
        assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is may
        assert found.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is may
    assert stat.S_IMODE((made / "ca.key").stat().st_mode) == 0o600


def test_two_stacks_do_not_know_each_other(made: Path, tmp_path: Path) -> None:
    make(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() != (made / "ca.pem").read_bytes()
    assert holder(tmp_path, "registry").serial_number != holder(made, "registry").serial_number


def test_a_second_run_changes_nothing(secrets: Path) -> None:
    before = {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
    assert make(secrets) == ""
    assert {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()} == before


def test_further_names_are_taken_in_and_given_up(secrets: Path) -> None:
    def said(**variables: str) -> set[str]:
        assert f"made {secrets}/tls/emotion" in make(secrets, **variables)
        return names(holder(secrets, "emotion"))

    assert {"nas.home.lan", "192.168.1.7"} <= said(PIPIT_BIND="192.168.1.7", PIPIT_NAMES="nas.home.lan")
    assert "nas.home.lan" not in said(PIPIT_BIND="0.0.0.0")


@pytest.mark.parametrize(("days", "kept"), [(31, True), (29, False)])
def test_what_ends_within_a_month_is_made_anew(secrets: Path, days: int, kept: bool) -> None:
    folder = secrets / "tls" / "emotion"
    before = holder(secrets, "emotion")
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    key = serialization.load_pem_private_key((secrets / "ca.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(before.issuer, before.subject, before.public_key(), 1, end - 2 * MONTH, end)
    for extension in before.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    ending = builder.sign(key, before.signature_hash_algorithm)  # type: ignore[arg-type]
    (folder / "tls.crt").write_bytes(ending.public_bytes(serialization.Encoding.PEM))
    others = {name: holder(secrets, name) for name in HOLDERS if name != "emotion"}
    said = make(secrets)
    assert said == ("" if kept else f"certificates: made {folder}\n")
    assert (holder(secrets, "emotion") == ending) is kept
    assert {name: holder(secrets, name) for name in others} == others
    assert holder(secrets, "emotion").not_valid_after_utc > datetime.datetime.now(datetime.UTC) + MONTH


def test_what_is_half_written_is_made_anew(secrets: Path) -> None:
    (secrets / "tls/emotion/tls.key").unlink()
    (secrets / "tls/registry/tls.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    assert make(secrets).splitlines() == [
        f"certificates: made {secrets}/tls/registry",
        f"certificates: made {secrets}/tls/emotion",
    ]


def test_another_authority_signs_all_anew(secrets: Path) -> None:
    for name in ("ca.pem", "ca.key"):
        (secrets / name).unlink()
    said = make(secrets)
    assert said.startswith(f"certificates: made {secrets}/ca.pem, an authority; callers need it")
    for name in HOLDERS:
        assert holder(secrets, name).issuer == certificate(secrets / "ca.pem").subject
        holder(secrets, name).verify_directly_issued_by(certificate(secrets / "ca.pem"))


def test_a_key_that_lies_elsewhere_is_asked_for_only_when_it_is_needed(secrets: Path) -> None:
    (secrets / "ca.key").unlink()
    assert make(secrets) == ""
    (secrets / "tls/emotion/tls.crt").unlink()
    said = make(secrets, fails=True)
    assert "tls/emotion needs a new certificate, and ca.key is not here to sign it; put it back" in said


def test_says_how_to_call(made: Path) -> None:
    said = make(made, "--say").splitlines()[-1].strip()
    script = f'{said}; printf "%s %s" "$PIPIT_CA" "$PIPIT_TOKEN"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{made}/ca.pem {(made / 'caller_token').read_text().strip()}"


@pytest.fixture
def registry(tmp_path: Path) -> dict[str, str]:
    """Variables with which a program stands where Docker is: it makes tokens as the stack's registry does."""
    tools = tmp_path / "tools"
    tools.mkdir()
    program = tools / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls")}


DOCKER = """\
#!/bin/sh
[ -z "${AWAY:-}" ] || { echo 'registry:50050: connection refused' >&2; exit 1; }
for id; do :; done
echo "$*" >>"$CALLS"
echo "pipit-device.$id.$(wc -l <"$CALLS" | tr -d ' ')"
echo 'the line above is shown this once' >&2
"""
"""What the stack's command line gives: the token alone on standard output."""


def tokens(secrets: Path) -> dict[str, str]:
    """Of the servers in the kitchen."""
    folder = secrets / "devices/pi-kitchen/device_tokens"
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_a_device_gets_what_its_servers_need_and_no_more(secrets: Path, registry: dict[str, str]) -> None:
    callers = (secrets / "tokens.yaml").read_text()
    make(secrets, "--device", "pi-kitchen", "", "192.168.1.20", **registry)
    folder = secrets / "devices/pi-kitchen"
    assert {path.name for path in folder.iterdir()} == {
        *("ca.pem", "device_tokens", "tokens.yaml", "gallery_key", "tls", "names")
    }
    assert {path.name for path in (folder / "tls").iterdir()} == {"caller", *DOMAINS}
    expected = {name: f"pipit-device.pi-kitchen-{name}.{number}\n" for number, name in enumerate(sorted(DOMAINS), 1)}
    assert tokens(secrets) == expected
    for call, name in zip(Path(registry["CALLS"]).read_text().splitlines(), sorted(DOMAINS), strict=True):
        assert call == f"compose -f compose.yaml run --rm --no-deps -T cli devices add pi-kitchen-{name}"
    # The registry keeps their digests itself; in the file they would be tokens that may speak for any device.
    assert (folder / "tokens.yaml").read_text() == (secrets / "tokens.yaml").read_text() == callers
    found_names = names(holder(folder, "emotion"))
    assert {"pi-kitchen", "pi-kitchen.local", "192.168.1.20", "emotion", "localhost"} <= found_names
    assert os.uname().nodename not in found_names
    holder(folder, "emotion").verify_directly_issued_by(certificate(secrets / "ca.pem"))


def test_a_token_of_a_device_is_made_once(secrets: Path, registry: dict[str, str]) -> None:
    make(secrets, "--device", "pi-kitchen", "", "", "emotion", **registry)
    made = tokens(secrets)
    assert made == {"emotion": "pipit-device.pi-kitchen-emotion.1\n"}
    assert "made" not in make(secrets, "--device", "pi-kitchen", "", "", "emotion", **registry)
    assert tokens(secrets) == made
    make(secrets, "--device", "pi-kitchen", "", "", "emotion footprints", **registry)
    assert tokens(secrets) == made | {"footprints": "pipit-device.pi-kitchen-footprints.2\n"}
    (secrets / "devices/pi-kitchen/device_tokens/emotion").unlink()
    make(secrets, "--device", "pi-kitchen", "", "", "emotion", **registry)
    assert tokens(secrets)["emotion"] == "pipit-device.pi-kitchen-emotion.3\n"


def test_without_the_registry_a_device_gets_no_token_and_says_why(secrets: Path, registry: dict[str, str]) -> None:
    said = make(secrets, "--device", "pi-kitchen", "me@10.0.0.9:pipit", fails=True, AWAY="yes", **registry)
    first = sorted(DOMAINS)[0]
    assert "registry:50050: connection refused\n" in said
    assert f"the registry made no token for pi-kitchen-{first}; is the stack up (make up)?" in said
    assert tokens(secrets) == {}


def test_certificates_of_devices_are_made_anew_with_the_stacks(secrets: Path, registry: dict[str, str]) -> None:
    make(secrets, "--device", "pi-kitchen", "", "192.168.1.20", **registry)
    assert make(secrets, AWAY="yes", **registry) == ""
    (secrets / "devices/pi-kitchen/tls/emotion/tls.crt").unlink()
    assert make(secrets) == f"certificates: made {secrets}/devices/pi-kitchen/tls/emotion\n"
    assert ip_address("192.168.1.20").exploded in names(holder(secrets / "devices/pi-kitchen", "emotion"))


def test_a_device_is_copied_to_with_the_code_and_without_secrets_of_the_stack(
    secrets: Path, tmp_path: Path, registry: dict[str, str]
) -> None:
    (tmp_path / "tools/rsync").write_text('#!/bin/sh\necho "$*" >>"$CALLS"\n')
    (tmp_path / "tools/rsync").chmod(0o755)
    make(secrets, "--device", "pi-kitchen", "me@10.0.0.9:pipit", "", "emotion", **registry)
    token, code, mine = Path(registry["CALLS"]).read_text().splitlines()
    assert token.endswith(" devices add pi-kitchen-emotion")
    assert code.endswith("/../ me@10.0.0.9:pipit/")
    for left_out in ("/compose/secrets", "/compose/.env", "/k8s/secrets/files"):
        assert f"--exclude {left_out} " in code
    assert mine == "-a devices/pi-kitchen/ me@10.0.0.9:pipit/compose/secrets/"
    assert "10.0.0.9" in names(holder(secrets / "devices/pi-kitchen", "emotion"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device",), "name the device by letters"),
        (("--device", "../elsewhere"), "name the device by letters"),
        (("--device", "pi", "folder"), "say where the device has this repository"),
        (("--device", "pi", "", "", "toys"), "there is no server 'toys'; there are: ad-detection "),
    ],
)
def test_a_device_that_can_not_be_meant_is_refused(made: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in make(made, *arguments, fails=True)


def test_says_where_openssl_is_missing(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    needed = (
        "base64 basename cat chmod cmp cp cut dirname grep head ln mkdir mv od printenv rm sed sh sha256sum tail tr"
    )
    for name in (*needed.split(), "uname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    assert "there is no openssl" in make(tmp_path / "secrets", fails=True, PATH=str(tools))
