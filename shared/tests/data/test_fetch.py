from __future__ import annotations

import hashlib
import io
import json
import zipfile
from importlib.metadata import EntryPoints
from pathlib import Path
from typing import Any

import pytest
from pipit.data.download import DownloadOptions
from pipit.data.fetch import FetchOptions, fetch_archive, load_download
from pipit.data.sources import ArchiveSource, RemoteFile
from pipit.errors import AlreadyExists, IntegrityError, NotFound, Unavailable

CLIPS = {
    "audio/1-17-A-0.wav": b"dog" * 900,
    "audio/2-18-B-42.wav": b"siren" * 700,
    "meta/esc50.csv": b"filename,fold\n",
}
QUICK = DownloadOptions(attempts=2, pause=0.001, timeout=10)


def pack(files: dict[str, bytes], top: str = "ESC-50-33c8", compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for path, content in files.items():
            archive.writestr(f"{top}/{path}", content)
    return buffer.getvalue()


def source_of(server: Any, packed: bytes, files: dict[str, bytes] = CLIPS) -> ArchiveSource:
    server.files["ESC-50.zip"] = packed
    listing = "".join(f"{hashlib.md5(content).hexdigest()}  {path}\n" for path, content in sorted(files.items()))
    return ArchiveSource(
        archive=RemoteFile(f"{server.url}/ESC-50.zip", "ESC-50.zip", len(packed), hashlib.sha256(packed).hexdigest()),
        folder="esc50",
        members=r"audio/[0-9]-[0-9]+-[A-Z]-[0-9]+\.wav|meta/esc50\.csv|LICENSE|README\.md",
        checked=r"audio/.*|meta/esc50\.csv",
        content_digest=hashlib.sha256(listing.encode()).hexdigest(),
        unpacked_size=sum(map(len, files.values())),
        max_unpacked_size=100_000,
        licence="CC BY-NC 3.0",
        page="https://example.org",
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_unpacks_the_data_set_and_records_it(file_server: Any, tmp_path: Path) -> None:
    packed = pack(CLIPS | {"README.md": b"read me", "utils/setup.py": b"not wanted"})
    source = source_of(file_server, packed)
    fetched = fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    assert (fetched.path, fetched.files, fetched.already_there) == (tmp_path / "esc50", 4, False)
    found = contents(tmp_path / "esc50")
    record = json.loads(found.pop("fetched.json"))
    assert found == CLIPS | {"README.md": b"read me"}
    assert record["archive_sha256"] == hashlib.sha256(packed).hexdigest()
    assert record["size"] == fetched.size == sum(map(len, found.values()))
    assert [path.name for path in tmp_path.iterdir()] == ["esc50"]


def test_a_second_run_asks_nobody(file_server: Any, tmp_path: Path) -> None:
    source = source_of(file_server, pack(CLIPS))
    fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    again = fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    assert again.already_there
    assert again.files == 3
    assert len(file_server.requests) == 1


def test_a_clip_that_was_taken_away_comes_back(file_server: Any, tmp_path: Path) -> None:
    source = source_of(file_server, pack(CLIPS))
    fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    (tmp_path / "esc50/audio/1-17-A-0.wav").unlink()
    assert not fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK)).already_there
    assert (tmp_path / "esc50/audio/1-17-A-0.wav").read_bytes() == CLIPS["audio/1-17-A-0.wav"]


def test_takes_the_same_files_packed_anew(file_server: Any, tmp_path: Path) -> None:
    source = source_of(file_server, pack(CLIPS))
    file_server.files["ESC-50.zip"] = pack(CLIPS, top="ESC-50-master", compression=zipfile.ZIP_STORED)
    fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    assert contents(tmp_path / "esc50").keys() == CLIPS.keys() | {"fetched.json"}


@pytest.mark.parametrize(
    "changed",
    [
        CLIPS | {"audio/1-17-A-0.wav": b"dog" * 899 + b"cat"},
        {path: content for path, content in CLIPS.items() if "siren" not in content.decode()},
        CLIPS | {"audio/3-19-A-0.wav": b"one too many"},
    ],
    ids=["changed", "missing", "added"],
)
def test_refuses_other_files(file_server: Any, tmp_path: Path, changed: dict[str, bytes]) -> None:
    source = source_of(file_server, pack(CLIPS))
    file_server.files["ESC-50.zip"] = pack(changed)
    with pytest.raises(IntegrityError, match="not the file that Pipit knows"):
        fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    assert list(tmp_path.iterdir()) == []


def test_refuses_what_is_no_zip_file(file_server: Any, tmp_path: Path) -> None:
    source = source_of(file_server, pack(CLIPS))
    file_server.files["ESC-50.zip"] = b"<html>please log in</html>"
    with pytest.raises(IntegrityError):
        fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))


def test_names_that_lead_outside_are_not_unpacked(file_server: Any, tmp_path: Path) -> None:
    evil = {"../../outside.wav": b"x", "audio/../../outside.wav": b"x", "/etc/audio/1-1-A-1.wav": b"x"}
    source = source_of(file_server, pack(CLIPS | evil))
    data = tmp_path / "a" / "data"
    fetch_archive("esc50", source, data, FetchOptions(download=QUICK))
    assert contents(tmp_path / "a").keys() == {f"data/esc50/{path}" for path in [*CLIPS, "fetched.json"]}


def test_refuses_an_archive_that_claims_too_much(file_server: Any, tmp_path: Path) -> None:
    bomb = CLIPS | {"audio/5-1-A-1.wav": bytes(200_000)}
    source = source_of(file_server, pack(bomb), bomb)
    with pytest.raises(IntegrityError, match="claims to unpack to more"):
        fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    assert not (tmp_path / "esc50").exists()


def test_leaves_a_folder_of_other_data_alone(file_server: Any, tmp_path: Path) -> None:
    (tmp_path / "esc50").mkdir()
    (tmp_path / "esc50" / "mine.wav").write_bytes(b"mine")
    with pytest.raises(AlreadyExists, match="--to"):
        fetch_archive("esc50", source_of(file_server, pack(CLIPS)), tmp_path, FetchOptions(download=QUICK))
    assert contents(tmp_path / "esc50") == {"mine.wav": b"mine"}
    assert file_server.requests == []


def test_an_interrupted_fetch_goes_on(file_server: Any, tmp_path: Path) -> None:
    noise = CLIPS | {"audio/1-17-A-0.wav": hashlib.shake_128(b"noise").digest(60_000)}
    source = source_of(file_server, pack(noise), noise)
    file_server.break_after = [40_000, 0, 0]
    with pytest.raises(Unavailable, match="run the command again"):
        fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    fetch_archive("esc50", source, tmp_path, FetchOptions(download=QUICK))
    assert file_server.requests[-1] == ("/ESC-50.zip", f"bytes={2 << 14}-")
    assert (tmp_path / "esc50/audio/1-17-A-0.wav").read_bytes() == noise["audio/1-17-A-0.wav"]


def test_a_mirror_is_asked_instead(file_server: Any, tmp_path: Path) -> None:
    source = source_of(file_server, pack(CLIPS))
    file_server.files["mirror/ESC-50.zip"] = file_server.files.pop("ESC-50.zip")
    options = FetchOptions(mirror=f"{file_server.url}/mirror", download=QUICK)
    fetch_archive("esc50", source, tmp_path, options)
    assert [path for path, _ in file_server.requests] == ["/mirror/ESC-50.zip"]


def test_what_no_domain_brings_is_told_with_what_there_is_and_how_to_get_more(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        NotFound, match=r"can fetch 'esc51' \(there are: dlib_faces, .*resnet50, whisper_tiny_en, yamnet\)"
    ):
        load_download("esc51")
    monkeypatch.setattr("pipit.data.fetch.entry_points", lambda **_: EntryPoints())
    monkeypatch.setattr("pipit.installed.entry_points", lambda **_: EntryPoints())
    with pytest.raises(NotFound, match=r"there are: none\); .*pip install --editable 'services/DOMAIN\[train\]'"):
        load_download("esc50")
