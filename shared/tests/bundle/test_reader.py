from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.bundle import Bundle, Manifest, open_bundle, write_bundle
from pipit.bundle.signing import generate_key, key_id, sign
from pipit.errors import IntegrityError, InvalidInput, NotFound
from pipit.files import sha256_bytes

KEY = generate_key()
TRUSTED = KEY.public_key()
on_a_copy = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


@pytest.fixture
def signed(tmp_path: Path, draft: Manifest, bundle_files: dict[str, Path | bytes]) -> Bundle:
    return write_bundle(tmp_path / "signed", draft, bundle_files, KEY)


def test_a_whole_bundle_opens(bundle: Bundle) -> None:
    opened = open_bundle(bundle.path)
    assert opened == bundle
    assert opened.digest == sha256_bytes((bundle.path / "bundle.yaml").read_bytes())
    assert opened.signature == b""
    assert opened.signed_by is None
    assert np.load(opened.file("weights/float32.npy")).shape == (2, 2)
    assert opened.weights("int8") == bundle.path / "weights/int8.npy"
    assert opened.weights() == bundle.path / "weights/float32.npy"
    with pytest.raises(NotFound, match=r"has no file 'bundle\.yaml'"):
        opened.file("bundle.yaml")


def test_a_signed_bundle_opens_with_and_without_keys(signed: Bundle) -> None:
    assert open_bundle(signed.path, [generate_key().public_key(), TRUSTED]).signed_by == key_id(TRUSTED)
    assert open_bundle(signed.path).signed_by is None
    assert open_bundle(signed.path).signature == (signed.path / "bundle.sig").read_bytes()


def test_an_unsigned_bundle_is_refused_where_keys_are_trusted(bundle: Bundle) -> None:
    with pytest.raises(IntegrityError, match="not signed"):
        open_bundle(bundle.path, [TRUSTED])


def test_a_bundle_of_another_maker_is_refused(signed: Bundle) -> None:
    with pytest.raises(IntegrityError, match="key is not trusted here"):
        open_bundle(signed.path, [generate_key().public_key()])


def test_a_signature_of_another_bundle_is_refused(signed: Bundle, bundle: Bundle, draft: Manifest) -> None:
    files = {name: bundle.file(name) for name in bundle.manifest.files}
    other = write_bundle(bundle.path.parent / "other", draft.model_copy(update={"model_type": "other"}), files, KEY)
    (signed.path / "bundle.sig").write_bytes(other.signature)
    with pytest.raises(IntegrityError, match="the bundle was changed"):
        open_bundle(signed.path, [TRUSTED])


def test_a_tampered_manifest_is_refused_before_it_is_parsed(signed: Bundle) -> None:
    for tampered in (signed.manifest_bytes.replace(b"loud: 0.7", b"loud: 0.1"), b"[" * 100_000):
        (signed.path / "bundle.yaml").write_bytes(tampered)
        with pytest.raises(IntegrityError, match="the bundle was changed"):
            open_bundle(signed.path, [TRUSTED])


def test_a_tampered_manifest_has_another_digest(bundle: Bundle) -> None:
    (bundle.path / "bundle.yaml").write_bytes(bundle.manifest_bytes.replace(b"loud: 0.7", b"loud: 0.1"))
    assert open_bundle(bundle.path).digest != bundle.digest


def test_files_that_the_manifest_does_not_name_are_ignored(bundle: Bundle) -> None:
    (bundle.path / "notes.txt").write_text("mine")
    assert open_bundle(bundle.path) == bundle


@pytest.mark.parametrize("name", ["weights/float32.npy", "weights/int8.npy", "golden.npz"])
def test_a_missing_file_is_named(bundle: Bundle, name: str) -> None:
    (bundle.path / name).unlink()
    with pytest.raises(IntegrityError, match=f"^{name} is missing .*; fetch the bundle again"):
        open_bundle(bundle.path)


@pytest.mark.parametrize("name", ["weights/float32.npy", "weights/int8.npy", "golden.npz"])
def test_a_truncated_file_is_named(bundle: Bundle, name: str) -> None:
    size = (bundle.path / name).stat().st_size
    os.truncate(bundle.path / name, size - 1)
    with pytest.raises(IntegrityError, match=f"^{name} has {size - 1} bytes, not {size}"):
        open_bundle(bundle.path)


@on_a_copy
@given(data=st.data())
def test_a_changed_bit_anywhere_in_a_signed_bundle_is_refused(signed: Bundle, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(signed.path, Path(folder) / "copy")
        names = [*signed.manifest.files, "bundle.yaml", "bundle.sig"]
        path = copy / data.draw(st.sampled_from(names))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        with pytest.raises(IntegrityError):
            open_bundle(copy, [TRUSTED])


@on_a_copy
@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(signed: Bundle, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(signed.path, Path(folder) / "copy")
        path = copy / data.draw(st.sampled_from([*signed.manifest.files, "bundle.yaml", "bundle.sig"]))
        os.truncate(path, data.draw(st.integers(0, path.stat().st_size - 1)))
        with pytest.raises(IntegrityError):
            open_bundle(copy, [TRUSTED])


def test_no_bundle_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotFound, match=r"is not a bundle: it has no bundle\.yaml"):
            open_bundle(path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotFound, match="is not a bundle"):
        open_bundle(tmp_path / "file")


def test_a_manifest_that_is_wrong_in_itself_is_invalid(bundle: Bundle) -> None:
    (bundle.path / "bundle.yaml").write_bytes(b"format: 1\n")
    with pytest.raises(InvalidInput, match="task: Field required"):
        open_bundle(bundle.path)


def test_a_manifest_without_end_is_refused(bundle: Bundle) -> None:
    with (bundle.path / "bundle.yaml").open("ab") as stream:
        stream.truncate(8 << 30)
    with pytest.raises(InvalidInput, match="is over 1048576 bytes"):
        open_bundle(bundle.path)


def test_a_link_that_leads_out_is_refused_though_its_content_is_right(bundle: Bundle, tmp_path: Path) -> None:
    inside = bundle.path / "golden.npz"
    inside.rename(tmp_path / "outside.npz")
    inside.symlink_to(tmp_path / "outside.npz")
    with pytest.raises(IntegrityError, match=r"^golden\.npz is a link that leads out"):
        open_bundle(bundle.path)


def test_a_folder_that_is_a_link_out_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.path / "weights").rename(tmp_path / "outside")
    (bundle.path / "weights").symlink_to(tmp_path / "outside")
    with pytest.raises(IntegrityError, match=r"is a link that leads out"):
        open_bundle(bundle.path)


def test_links_inside_and_a_link_to_the_bundle_are_fine(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.path / "golden.npz").rename(bundle.path / "blob")
    (bundle.path / "golden.npz").symlink_to("blob")
    (tmp_path / "current").symlink_to(bundle.path)
    assert open_bundle(tmp_path / "current").digest == bundle.digest


@pytest.mark.parametrize(
    "replace",
    [
        lambda path: path.symlink_to(path.name),
        os.mkfifo,
        Path.mkdir,
    ],
    ids=["link to itself", "pipe", "folder"],
)
def test_what_is_no_file_is_missing(bundle: Bundle, replace: Callable[[Path], None]) -> None:
    (bundle.path / "golden.npz").unlink()
    replace(bundle.path / "golden.npz")
    with pytest.raises(IntegrityError, match=r"^golden\.npz is missing"):
        open_bundle(bundle.path)


def test_a_file_of_the_right_size_with_other_content_is_named(bundle: Bundle) -> None:
    size = (bundle.path / "weights/int8.npy").stat().st_size
    (bundle.path / "weights/int8.npy").write_bytes(bytes(size))
    with pytest.raises(IntegrityError, match=rf"^weights/int8\.npy has SHA-256 {sha256_bytes(bytes(size))}, not"):
        open_bundle(bundle.path)


def test_a_signature_with_trailing_bytes_is_refused(signed: Bundle) -> None:
    (signed.path / "bundle.sig").write_bytes(sign(KEY, signed.manifest_bytes) + b"\n")
    with pytest.raises(IntegrityError, match="not that of a trusted key"):
        open_bundle(signed.path, [TRUSTED])
