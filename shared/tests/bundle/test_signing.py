from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from pipit.bundle.signing import (
    SIGNATURE_BYTES,
    generate_key,
    key_id,
    load_private_key,
    load_public_key,
    save_private_key,
    save_public_key,
    sign,
    verify,
)
from pipit.errors import AlreadyExists, IntegrityError, InvalidInput, NotFound

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def test_signature_is_the_standard_one() -> None:
    # RFC 8032, section 7.1, test 2.
    key = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert sign(key, b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@given(st.binary(max_size=500))
def test_what_a_trusted_key_signed_is_accepted(content: bytes) -> None:
    signature = sign(KEY, content)
    assert len(signature) == SIGNATURE_BYTES
    assert verify(signature, content, [KEY.public_key()]) == key_id(KEY.public_key())
    # While a key is changed for another, devices trust both.
    assert verify(signature, content, [OTHER.public_key(), KEY.public_key()]) == key_id(KEY.public_key())


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_changed_bit_is_refused(content: bytes, data: st.DataObject) -> None:
    signature = bytearray(sign(KEY, content))
    changed = bytearray(content)
    victim = data.draw(st.sampled_from([signature, changed]))
    victim[data.draw(st.integers(0, len(victim) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(IntegrityError, match="not that of a trusted key"):
        verify(bytes(signature), bytes(changed), [KEY.public_key()])


@given(st.binary(min_size=1, max_size=100))
def test_random_bytes_are_no_signature(signature: bytes) -> None:
    with pytest.raises(IntegrityError, match=key_id(KEY.public_key())):
        verify(signature, b"content", [KEY.public_key()])


def test_an_untrusted_key_is_refused() -> None:
    with pytest.raises(IntegrityError, match="its maker's key is not trusted here"):
        verify(sign(OTHER, b"content"), b"content", [KEY.public_key()])
    with pytest.raises(IntegrityError, match=r"trusted key \(none\)"):
        verify(sign(KEY, b"content"), b"content", [])


def test_no_signature_is_refused() -> None:
    with pytest.raises(IntegrityError, match="the bundle is not signed"):
        verify(b"", b"content", [KEY.public_key()])


def test_generated_keys_differ() -> None:
    assert key_id(generate_key().public_key()) != key_id(generate_key().public_key())


def test_keys_come_back_from_their_files(tmp_path: Path) -> None:
    key = generate_key()
    save_private_key(key, tmp_path / "signing.pem")
    save_public_key(key.public_key(), tmp_path / "trusted.pem")
    assert stat.S_IMODE((tmp_path / "signing.pem").stat().st_mode) == 0o600
    content = b"content"
    signature = sign(load_private_key(tmp_path / "signing.pem"), content)
    assert verify(signature, content, [load_public_key(tmp_path / "trusted.pem")]) == key_id(key.public_key())


def test_a_private_key_is_never_written_over(tmp_path: Path) -> None:
    save_private_key(KEY, tmp_path / "signing.pem")
    before = (tmp_path / "signing.pem").read_bytes()
    with pytest.raises(AlreadyExists, match="never written over"):
        save_private_key(OTHER, tmp_path / "signing.pem")
    assert (tmp_path / "signing.pem").read_bytes() == before


def test_a_missing_key_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no key at"):
        load_private_key(tmp_path / "signing.pem")
    with pytest.raises(NotFound, match="there is no key at"):
        load_public_key(tmp_path / "trusted.pem")


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be read"):
        load_public_key(tmp_path)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"-----BEGIN PUBLIC KEY-----\n" + b))
def test_random_bytes_are_no_key(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("key") / "key.pem"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="is not a PEM private key"):
        load_private_key(path)
    with pytest.raises(InvalidInput, match="is not a PEM public key"):
        load_public_key(path)


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "private.pem").write_bytes(private)
    (tmp_path / "public.pem").write_bytes(public)
    with pytest.raises(InvalidInput, match="another kind of key"):
        load_private_key(tmp_path / "private.pem")
    with pytest.raises(InvalidInput, match="another kind of key"):
        load_public_key(tmp_path / "public.pem")


def test_the_halves_of_a_pair_are_not_confused(tmp_path: Path) -> None:
    save_private_key(KEY, tmp_path / "signing.pem")
    save_public_key(KEY.public_key(), tmp_path / "trusted.pem")
    with pytest.raises(InvalidInput, match="give the public half"):
        load_public_key(tmp_path / "signing.pem")
    with pytest.raises(InvalidInput, match="not a PEM private key"):
        load_private_key(tmp_path / "trusted.pem")


def test_a_key_with_a_pass_phrase_is_refused(tmp_path: Path) -> None:
    pem = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "signing.pem").write_bytes(pem)
    with pytest.raises(InvalidInput, match="without a pass phrase"):
        load_private_key(tmp_path / "signing.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_what_was_signed(tmp_path: Path) -> None:
    """As `docs/bundle.md` promises to those who write other tools."""
    public: Ed25519PublicKey = KEY.public_key()
    save_public_key(public, tmp_path / "trusted.pem")
    (tmp_path / "bundle.yaml").write_bytes(b"format: 1\n")
    (tmp_path / "bundle.sig").write_bytes(sign(KEY, b"format: 1\n"))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "trusted.pem", "-rawin"]
    command += ["-in", "bundle.yaml", "-sigfile", "bundle.sig"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    (tmp_path / "bundle.yaml").write_bytes(b"format: 2\n")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode != 0
