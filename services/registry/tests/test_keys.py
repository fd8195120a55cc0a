"""The keys that may sign: who lists them, what a publish needs then, and signatures that come later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from model_registry.keys import Keys
from model_registry.publishing import Chunk, Publisher, PublishLimits
from model_registry.server import RegistryServer
from model_registry.uploads import Uploads
from model_registry.versions import Versions
from pipit.bundle import Bundle
from pipit.bundle.keyring import Keyring
from pipit.bundle.keys import KeyList, SigningKey, endorse, raw_key
from pipit.bundle.signing import key_id, save_public_key, sign
from pipit.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unavailable,
    UntrustedSignature,
)
from pipit.registry import Assignment, BundleCache, RegistryClient
from pipit.rpc.auth import hash_token
from pipit.storage import LocalStore

TASK = "test.sounds"
MEBIBYTE = 1024 * 1024
FIRST, SECOND, STRANGE = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in range(1, 4))


def listed(key: Ed25519PrivateKey, by: Ed25519PrivateKey | None = None, name: str = "") -> SigningKey:
    endorsements = () if by is None else (endorse(by, key.public_key()),)
    return SigningKey(raw_key(key.public_key()), name, endorsements=endorsements)


def identity(key: Ed25519PrivateKey) -> str:
    return key_id(key.public_key())


def test_an_operator_lists_and_revokes_keys(client: RegistryClient) -> None:
    assert client.list_keys() == KeyList()
    told = client.trust_key(listed(FIRST, name="anna's laptop"), expected_revision=0)
    assert (told.revision, [(key.id, key.name, key.added_by) for key in told.keys]) == (
        1,
        [(identity(FIRST), "anna's laptop", "anonymous")],
    )
    assert client.trust_key(listed(FIRST)) == told == client.list_keys()
    with pytest.raises(Conflict, match="somebody changed the list"):
        client.trust_key(listed(SECOND), expected_revision=0)
    client.trust_key(listed(SECOND, by=FIRST))
    told = client.revoke_key(identity(FIRST), "stolen")
    assert (told.revision, [(key.id, key.revoked_reason, key.revoked_at is None) for key in told.keys]) == (
        3,
        [(identity(FIRST), "stolen", False), (identity(SECOND), "", True)],
    )
    assert client.revoke_key(identity(FIRST), "again") == told
    with pytest.raises(AlreadyExists, match="can't be undone"):
        client.trust_key(listed(FIRST))
    with pytest.raises(InvalidInput, match="can endorse no other"):
        client.trust_key(listed(STRANGE, by=FIRST))
    with pytest.raises(NotFound, match="pipit keys list"):
        client.revoke_key("0" * 16)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (SigningKey("ab" * 31), "no Ed25519 public key"),
        (listed(SECOND, name="two\nlines"), "one line"),
        (listed(SECOND, by=STRANGE), "not that of a listed key"),
    ],
)
def test_what_can_not_be_listed(client: RegistryClient, key: SigningKey, text: str) -> None:
    client.trust_key(listed(FIRST))
    with pytest.raises(InvalidInput, match=text):
        client.trust_key(key)
    assert client.list_keys().revision == 1


def test_only_operators_change_the_list(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], tmp_path: Path
) -> None:
    roles = {"device": "device", "publisher": "publisher", "operator": "operator"}
    callers = "".join(
        f"  - {{name: {name}, roles: [{role}], sha256: {hash_token(name)}}}\n" for name, role in roles.items()
    )
    (tmp_path / "tokens.yaml").write_text(f"callers:\n{callers}")
    server = start(tokens=str(tmp_path / "tokens.yaml"))
    for name in ("device", "publisher"):
        known = connect(server, name)
        assert known.list_keys() == KeyList()
        with pytest.raises(PermissionDenied, match="needs the role operator"):
            known.trust_key(listed(FIRST))
        with pytest.raises(PermissionDenied, match="needs the role operator"):
            known.revoke_key(identity(FIRST))
    told = connect(server, "operator").trust_key(listed(FIRST))
    assert [key.added_by for key in told.keys] == ["operator"]


def test_once_a_key_is_listed_bundles_have_to_be_signed(
    client: RegistryClient, make_bundle: Callable[..., Bundle]
) -> None:
    assert not client.publish(make_bundle("1.0.0").path).version.signed
    client.trust_key(listed(FIRST))
    for bundle, text in (
        (make_bundle("1.1.0"), "not signed"),
        (make_bundle("1.2.0", key=STRANGE), "not that of a trusted key"),
    ):
        with pytest.raises(UntrustedSignature, match=text):
            client.publish(bundle.path)
    assert client.publish(make_bundle("1.3.0", key=FIRST).path).version.signed_by == (identity(FIRST),)
    client.revoke_key(identity(FIRST))
    with pytest.raises(UntrustedSignature, match="was revoked"):
        client.publish(make_bundle("1.4.0", key=FIRST).path)
    # What was published before can still be asked for.
    listing = client.list_versions(TASK).versions
    assert [(version.version, version.signed_by) for version in listing] == [
        ("1.3.0", (identity(FIRST),)),
        ("1.0.0", ()),
    ]


def test_what_nobody_trusted_signed_is_not_even_parsed(client: RegistryClient) -> None:
    client.trust_key(listed(FIRST))
    for signature, text in ((b"", "not signed"), (sign(STRANGE, b"{no manifest"), "not that of a trusted key")):
        with pytest.raises(UntrustedSignature, match=text):
            client.prepare_publish(b"{no manifest", signature)
        with pytest.raises(UntrustedSignature, match=text):
            client.add_signature(b"{no manifest", signature)
    with pytest.raises(InvalidInput, match=r"bundle\.yaml"):
        client.add_signature(b"{no manifest", sign(FIRST, b"{no manifest"))


def test_an_expired_key_publishes_nothing_new(store: LocalStore) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    keys = Keys(store, now=lambda: now)
    expires = now + timedelta(days=1)
    keys.trust(SigningKey(raw_key(FIRST.public_key()), expires_at=expires), "anna")
    assert keys.signer(sign(FIRST, b"manifest"), b"manifest") == identity(FIRST)
    with pytest.raises(AlreadyExists, match="another expiry"):
        keys.trust(listed(FIRST), "anna")
    now = expires
    with pytest.raises(UntrustedSignature, match="expired at 2026-11-30 12:00 UTC"):
        keys.signer(sign(FIRST, b"manifest"), b"manifest")
    with pytest.raises(InvalidInput, match="expired already"):
        keys.trust(SigningKey(raw_key(SECOND.public_key()), expires_at=now), "anna")


def test_a_key_that_the_settings_name_is_listed_and_can_be_revoked(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], tmp_path: Path
) -> None:
    save_public_key(FIRST.public_key(), tmp_path / "first.pub")
    client = connect(start(trusted_keys=str(tmp_path / "first.pub")))
    assert [(key.id, key.added_by) for key in client.list_keys().keys] == [(identity(FIRST), "settings")]
    client.trust_key(listed(SECOND, by=FIRST))
    client.revoke_key(identity(FIRST), "stolen")
    again = connect(start(trusted_keys=str(tmp_path / "first.pub")))
    assert {key.id: key.revoked_reason for key in again.list_keys().keys} == {
        identity(FIRST): "stolen",
        identity(SECOND): "",
    }


def test_a_signature_that_comes_later_is_kept_or_refused_with_the_reason(
    client: RegistryClient, make_bundle: Callable[..., Bundle]
) -> None:
    bundle = make_bundle()
    client.publish(bundle.path)
    signature = sign(FIRST, bundle.manifest_bytes)
    with pytest.raises(InvalidInput, match="knows no key that could have made the new one"):
        client.publish(bundle.path, signature=signature)
    client.trust_key(listed(FIRST))
    signed = client.publish(bundle.path, signature=signature)
    assert (signed.created, signed.signature_added, signed.version.digest) == (False, True, bundle.digest)
    assert client.publish(bundle.path, signature=signature).signature_added is False
    content = client.get_version(TASK, "1.0.0")
    assert content.signatures == (signature,)
    assert content.version.signed
    # And so does the next key's.
    client.trust_key(listed(SECOND, by=FIRST))
    second = sign(SECOND, bundle.manifest_bytes)
    assert client.add_signature(bundle.manifest_bytes, second).signature_added
    content = client.get_version(TASK, "1.0.0")
    assert set(content.signatures) == {signature, second}
    assert set(content.version.signed_by) == {identity(FIRST), identity(SECOND)}
    assert client.list_versions(TASK).versions == (content.version,)


def test_a_version_that_was_published_before_there_were_keys_is_read(
    client: RegistryClient, make_bundle: Callable[..., Bundle], store: LocalStore
) -> None:
    client.publish(make_bundle(key=FIRST).path)
    stored = store.read("models/test.sounds/versions/1.0.0.json")
    old = stored.data.replace(b' "signed_by": "",\n', b"")
    assert old != stored.data
    store.replace("models/test.sounds/versions/1.0.0.json", old, stored.etag)
    version = client.get_version(TASK, "1.0.0").version
    assert (version.signed, version.signed_by) == (True, ())


def test_whoever_follows_is_told_the_keys_first_and_then_each_change(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient]
) -> None:
    device, operator, elsewhere = connect(start()), connect(start()), connect(start())
    with closing(device.follow((TASK,), "production")) as stream:
        news = iter(stream)
        assert next(news) == KeyList()
        assert next(news) == Assignment(TASK, "production", "", "", 0)
        told = operator.trust_key(listed(FIRST))
        assert next(news) == told
        told = elsewhere.revoke_key(identity(FIRST), "stolen")
        assert next(news) == told
    # Who does not ask for keys is told none.
    with closing(device.watch((TASK,), "production")) as plain:
        assert next(iter(plain)) == Assignment(TASK, "production", "", "", 0)


class Away(RegistryClient):
    """A registry that is away."""

    def get_version(self, task: str, version: str) -> object:  # type: ignore[override]
        raise Unavailable("the registry is away")


def test_a_cached_bundle_of_a_revoked_key_is_refused_without_a_registry_and_serves_once_signed_anew(
    registry: RegistryServer, client: RegistryClient, make_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    bundle = make_bundle(key=FIRST)
    client.trust_key(listed(FIRST))
    client.publish(bundle.path)
    client.promote(TASK, "1.0.0", "production")

    def cache() -> BundleCache:
        return BundleCache(tmp_path / "cache", 64 * MEBIBYTE, Keyring(memory=tmp_path / "keys.json"))

    Keyring(memory=tmp_path / "keys.json").follow(client.list_keys())
    fetched = cache().fetch(client, TASK, "1.0.0", bundle.digest)
    inode = (fetched / "weights.onnx").stat().st_ino
    client.trust_key(listed(SECOND, by=FIRST))
    Keyring(memory=tmp_path / "keys.json").follow(client.revoke_key(identity(FIRST), "stolen"))
    with Away(f"127.0.0.1:{registry.port}") as away, pytest.raises(UntrustedSignature, match="was revoked"):
        cache().fetch(away, TASK, "1.0.0", bundle.digest)
    with pytest.raises(UntrustedSignature, match="was revoked"):
        cache().fetch(client, TASK, "1.0.0", bundle.digest)

    client.add_signature(bundle.manifest_bytes, sign(SECOND, bundle.manifest_bytes))
    # Only the signature is fetched.
    assert cache().fetch(client, TASK, "1.0.0", bundle.digest) == fetched
    assert (fetched / "bundle.sig").read_bytes() == sign(SECOND, bundle.manifest_bytes)
    assert (fetched / "weights.onnx").stat().st_ino == inode
    with Away(f"127.0.0.1:{registry.port}") as away:
        assert cache().fetch(away, TASK, "1.0.0", bundle.digest) == fetched


def test_a_rotten_manifest_is_fetched_anew_where_keys_are_trusted(
    client: RegistryClient, make_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    bundle = make_bundle(key=FIRST)
    client.publish(bundle.path)
    cache = BundleCache(tmp_path / "cache", 64 * MEBIBYTE, Keyring([FIRST.public_key()]))
    fetched = cache.fetch(client, TASK, "1.0.0", bundle.digest)
    (fetched / "bundle.yaml").write_bytes(b"rotten")
    assert cache.fetch(client, TASK, "1.0.0", bundle.digest) == fetched
    assert (fetched / "bundle.yaml").read_bytes() == bundle.manifest_bytes
    cache.close()


def test_a_key_that_is_revoked_while_a_bundle_comes_does_not_publish_it(
    store: LocalStore, make_bundle: Callable[..., Bundle]
) -> None:
    keys, versions = Keys(store), Versions(store)
    keys.trust(listed(FIRST), "anna")
    publisher = Publisher(versions, Uploads(store), keys, PublishLimits(MEBIBYTE))
    bundle = make_bundle(key=FIRST)
    candidate = publisher.check(bundle.manifest_bytes, bundle.signature)

    def chunks() -> Iterator[Chunk]:
        keys.revoke(identity(FIRST), "anna", "stolen")
        for relative, entry in bundle.manifest.files.items():
            yield Chunk(entry.sha256, 0, bundle.file(relative).read_bytes())

    with pytest.raises(UntrustedSignature, match="stolen"):
        publisher.publish(candidate, chunks(), "ben")
    assert versions.list() == ()
