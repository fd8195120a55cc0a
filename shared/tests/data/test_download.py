from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest
from pipit.data.download import DownloadOptions, download, source_url
from pipit.data.sources import RemoteFile
from pipit.errors import IntegrityError, InvalidInput, NotFound, Unavailable

CONTENT = bytes(range(256)) * 4096
PIECE = 1 << 14
QUICK = DownloadOptions(attempts=3, pause=0.001, timeout=10)


@pytest.fixture
def remote(file_server: Any) -> RemoteFile:
    file_server.files["clips.zip"] = CONTENT
    return RemoteFile(f"{file_server.url}/clips.zip", "clips.zip", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetches_and_reports_progress(remote: RemoteFile, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    download(
        remote, tmp_path / "new" / "clips.zip", options=QUICK, progress=lambda done, total: seen.append((done, total))
    )
    assert (tmp_path / "new" / "clips.zip").read_bytes() == CONTENT
    assert left_over(tmp_path / "new") == ["clips.zip"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_does_not_ask_again_for_what_is_here(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    download(remote, tmp_path / "clips.zip", options=QUICK)
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert len(file_server.requests) == 1


@pytest.mark.parametrize("etags", [True, False])
def test_goes_on_after_a_broken_connection(remote: RemoteFile, file_server: Any, tmp_path: Path, etags: bool) -> None:
    file_server.etags = etags
    file_server.break_after = [18 * PIECE, 12 * PIECE]
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT
    assert [asked for _, asked in file_server.requests] == ["", f"bytes={18 * PIECE}-", f"bytes={30 * PIECE}-"]


def test_a_later_run_goes_on_where_the_last_one_gave_up(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.break_after = [42 * PIECE, 0, 0]
    with pytest.raises(Unavailable, match=r"0\.7 MB have arrived and are kept"):
        download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip.part").read_bytes() == CONTENT[: 42 * PIECE]
    file_server.requests.clear()
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert file_server.requests == [("/clips.zip", f"bytes={42 * PIECE}-")]
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT
    assert left_over(tmp_path) == ["clips.zip"]


def test_starts_over_where_the_server_knows_no_ranges(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.ranges = False
    file_server.break_after = [300_000]
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT


def test_does_not_glue_a_changed_file_to_an_old_beginning(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.files["clips.zip"] = b"x" * len(CONTENT)
    file_server.break_after = [100_000, 0, 0]
    with pytest.raises(Unavailable):
        download(remote, tmp_path / "clips.zip", options=QUICK)
    file_server.files["clips.zip"] = CONTENT
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT


def test_a_wrong_beginning_without_a_tag_costs_one_more_download(
    remote: RemoteFile, file_server: Any, tmp_path: Path
) -> None:
    (tmp_path / "clips.zip.part").write_bytes(b"something else")
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT
    assert [asked for _, asked in file_server.requests] == ["bytes=14-", ""]


def test_a_part_that_is_whole_already_is_taken(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    (tmp_path / "clips.zip.part").write_bytes(CONTENT)
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(remote: RemoteFile, tmp_path: Path) -> None:
    (tmp_path / "clips.zip.part").write_bytes(CONTENT + b"more")
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT


def test_refuses_wrong_content_and_keeps_nothing_of_it(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    wrong = CONTENT[:-1] + b"?"
    file_server.files["clips.zip"] = wrong
    with pytest.raises(IntegrityError, match=hashlib.sha256(wrong).hexdigest()):
        download(remote, tmp_path / "clips.zip", options=QUICK)
    assert left_over(tmp_path) == []


def test_wrong_content_does_not_replace_what_stood_there(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    (tmp_path / "clips.zip").write_bytes(b"mine")
    file_server.files["clips.zip"] = b"theirs"
    with pytest.raises(IntegrityError):
        download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == b"mine"


def test_takes_other_content_that_the_caller_accepts(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.files["clips.zip"] = b"packed anew"
    download(remote, tmp_path / "clips.zip", options=QUICK, accept=lambda part: part.read_bytes() == b"packed anew")
    assert (tmp_path / "clips.zip").read_bytes() == b"packed anew"


def test_missing_file_is_not_found_at_once(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.files.clear()
    with pytest.raises(NotFound, match="PIPIT_DATA_MIRROR"):
        download(remote, tmp_path / "clips.zip", options=QUICK)
    assert len(file_server.requests) == 1


def test_refusal_is_not_tried_again(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.statuses = [403]
    with pytest.raises(Unavailable, match="HTTP 403"):
        download(remote, tmp_path / "clips.zip", options=QUICK)
    assert len(file_server.requests) == 1


def test_a_busy_server_is_tried_again(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.statuses = [503, 429]
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT
    assert len(file_server.requests) == 3


def test_gives_up_on_a_server_that_stays_broken(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.statuses = [500, 500, 500]
    with pytest.raises(Unavailable, match="HTTP 500"):
        download(remote, tmp_path / "clips.zip", options=QUICK)
    assert len(file_server.requests) == 3


def test_a_server_that_falls_silent_is_left(remote: RemoteFile, file_server: Any, tmp_path: Path) -> None:
    file_server.stall = threading.Event()
    # So long that the first half comes in time, however busy the machine is.
    silent = DownloadOptions(attempts=1, pause=0.001, timeout=5.0)
    with pytest.raises(Unavailable, match=r"0\.5 MB have arrived"):
        download(remote, tmp_path / "clips.zip", options=silent)
    file_server.stall.set()
    file_server.stall = None
    download(remote, tmp_path / "clips.zip", options=QUICK)
    assert (tmp_path / "clips.zip").read_bytes() == CONTENT


def test_nobody_listens(tmp_path: Path) -> None:
    gone = RemoteFile("http://127.0.0.1:9/clips.zip", "clips.zip", 10, "0" * 64)
    with pytest.raises(Unavailable, match="the connection broke"):
        download(gone, tmp_path / "clips.zip", options=QUICK)


def test_needs_room(tmp_path: Path) -> None:
    huge = RemoteFile("http://127.0.0.1:9/huge", "huge", 1 << 60, "0" * 64)
    with pytest.raises(Unavailable, match=r"not enough space.*make room"):
        download(huge, tmp_path / "huge", options=QUICK)


@pytest.mark.parametrize("mirror", ["http://mirror/pipit", "http://mirror/pipit/"])
def test_a_mirror_holds_files_by_their_names(mirror: str) -> None:
    file = RemoteFile("https://example.org/a/b/archive/main.zip", "clips-1.zip", 1, "0" * 64)
    assert source_url(file, mirror) == "http://mirror/pipit/clips-1.zip"
    assert source_url(file, None) == "https://example.org/a/b/archive/main.zip"


def test_a_mirror_without_its_scheme_says_what_to_write(tmp_path: Path) -> None:
    file = RemoteFile("https://example.invalid/a.zip", "a.zip", 1, "0" * 64)
    with pytest.raises(
        InvalidInput, match="the mirror 'nas:8000/files' is no address of a web server; write http://nas"
    ):
        download(file, tmp_path / "a.zip", mirror="nas:8000/files")
