from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pipit.bundle import Bundle, Manifest, open_bundle, write_bundle
from pipit.bundle.signing import generate_key, key_id, verify
from pipit.errors import AlreadyExists, InvalidInput
from pipit.files import sha256_bytes

Files = dict[str, Path | bytes]
Below = Callable[[Path], set[str]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with nothing else in it."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_bundle_holds_what_was_given(
    out: Path, draft: Manifest, bundle_files: Files, everything_below: Below
) -> None:
    bundle = write_bundle(out / "new", draft, bundle_files)
    assert everything_below(out) == {
        "new", "new/bundle.yaml", "new/golden.npz", "new/weights", "new/weights/float32.npy", "new/weights/int8.npy"
    }  # fmt: skip
    assert bundle.path == out / "new"
    assert bundle.manifest.model_copy(update={"files": {}}) == draft
    assert list(bundle.manifest.files) == list(bundle_files)
    for name, source in bundle_files.items():
        content = source if isinstance(source, bytes) else source.read_bytes()
        assert (out / "new" / name).read_bytes() == content
        assert bundle.manifest.files[name].sha256 == sha256_bytes(content)
        assert bundle.manifest.files[name].size == len(content)
    assert open_bundle(out / "new") == bundle


def test_the_same_content_makes_the_same_bundle(out: Path, draft: Manifest, bundle_files: Files) -> None:
    assert write_bundle(out / "a", draft, bundle_files).digest == write_bundle(out / "b", draft, bundle_files).digest


def test_a_signed_bundle_names_its_key(out: Path, draft: Manifest, bundle_files: Files) -> None:
    key = generate_key()
    bundle = write_bundle(out / "new", draft, bundle_files, key)
    assert bundle.signed_by == key_id(key.public_key())
    manifest_bytes = (out / "new" / "bundle.yaml").read_bytes()
    assert verify((out / "new" / "bundle.sig").read_bytes(), manifest_bytes, [key.public_key()]) == bundle.signed_by


def test_an_empty_folder_may_be_filled(out: Path, draft: Manifest, bundle_files: Files) -> None:
    (out / "new").mkdir()
    assert write_bundle(out / "new", draft, bundle_files) == open_bundle(out / "new")


def test_a_bundle_is_never_written_over(
    out: Path, draft: Manifest, bundle_files: Files, everything_below: Below
) -> None:
    first = write_bundle(out / "new", draft, bundle_files)
    before = everything_below(out)
    with pytest.raises(AlreadyExists, match="a bundle is never changed"):
        write_bundle(out / "new", draft.model_copy(update={"model_type": "other"}), bundle_files)
    assert open_bundle(out / "new") == first
    assert everything_below(out) == before


def test_a_file_in_the_place_of_the_bundle_stays(out: Path, draft: Manifest, bundle_files: Files) -> None:
    (out / "new").write_text("mine")
    with pytest.raises(AlreadyExists):
        write_bundle(out / "new", draft, bundle_files)
    assert (out / "new").read_text() == "mine"


def test_of_racing_writers_one_wins(out: Path, draft: Manifest, bundle_files: Files, everything_below: Below) -> None:
    start = threading.Barrier(8)
    made: list[Bundle] = []
    refused: list[AlreadyExists] = []

    def write(number: int) -> None:
        manifest = draft.model_copy(update={"model_type": f"writer{number}"})
        start.wait()
        try:
            made.append(write_bundle(out / "new", manifest, bundle_files))
        except AlreadyExists as error:
            refused.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(refused) == 7
    assert open_bundle(out / "new") == made[0]
    assert {path.split("/")[0] for path in everything_below(out)} == {"new"}


@pytest.mark.parametrize("name", ["../escape", "/escape", "a//b", ".hidden", "bundle.yaml", "bundle.sig", ""])
def test_a_file_that_would_lie_elsewhere_is_refused(
    out: Path, draft: Manifest, bundle_files: Files, name: str, everything_below: Below
) -> None:
    with pytest.raises(InvalidInput, match="files"):
        write_bundle(out / "new", draft, {**bundle_files, name: b"x"})
    assert everything_below(out) == set()
    assert not (out.parent / "escape").exists()


def test_a_manifest_that_is_wrong_writes_nothing(
    out: Path, draft: Manifest, bundle_files: Files, everything_below: Below
) -> None:
    del bundle_files["golden.npz"]
    with pytest.raises(InvalidInput, match=r"golden\.file: 'golden\.npz' is not in files"):
        write_bundle(out / "new", draft, bundle_files)
    assert everything_below(out) == set()


def test_a_source_that_is_missing_writes_nothing(
    out: Path, draft: Manifest, bundle_files: Files, everything_below: Below
) -> None:
    with pytest.raises(FileNotFoundError):
        write_bundle(out / "new", draft, {**bundle_files, "report.json": out / "nowhere"})
    assert everything_below(out) == set()


def test_a_writer_that_is_killed_leaves_only_whole_bundles(out: Path, bundle: Bundle) -> None:
    """Kills a process that writes one bundle after the other, with files large enough to be in the middle of one."""
    script = """
import itertools, pathlib, sys
from pipit.bundle import open_bundle, write_bundle
made, out = map(pathlib.Path, sys.argv[1:])
bundle = open_bundle(made)
files = {name: bundle.file(name) for name in bundle.manifest.files} | {f"large/{n}": bytes(1 << 20) for n in range(4)}
for number in itertools.count():
    write_bundle(out / str(number), bundle.manifest, files)
"""
    writer = subprocess.Popen([sys.executable, "-c", script, str(bundle.path), str(out)])
    try:
        deadline = time.monotonic() + 120
        while not (out / "1").exists():
            assert writer.poll() is None, "the writer ended by itself"
            assert time.monotonic() < deadline, "the writer made no bundle"
            time.sleep(0.005)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    visible = [name for name in os.listdir(out) if not name.startswith(".")]  # noqa: PTH208
    assert len(visible) >= 2
    for name in visible:
        assert len(open_bundle(out / name).manifest.files) == 7
