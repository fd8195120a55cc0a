"""What every object store must do. The same tests run on each of them."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from pipit.storage import ObjectStore, check_key
from pipit.storage.base import PIECE_BYTES

MISSING = "nothing/here.json"


def test_gives_back_what_was_written(store: ObjectStore) -> None:
    etag = store.create("blobs/sha256/ab", b"content")

    stored = store.read("blobs/sha256/ab")

    assert stored.data == b"content"
    assert stored.etag == etag
    assert store.size("blobs/sha256/ab") == 7


def test_takes_an_empty_object(store: ObjectStore) -> None:
    store.create("empty", b"")

    assert store.read("empty").data == b""
    assert store.size("empty") == 0
    assert list(store.open("empty")) == []


def test_writes_a_file_from_where_it_stands(store: ObjectStore) -> None:
    file = io.BytesIO(b"skipped" + b"x" * (2 * PIECE_BYTES))
    file.seek(7)

    etag = store.create("large", file)

    assert store.size("large") == 2 * PIECE_BYTES
    assert store.read("large").etag == etag


@pytest.mark.parametrize("offset", [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 4, 2 * PIECE_BYTES + 5, 3 * PIECE_BYTES])
def test_opens_from_an_offset_in_pieces(store: ObjectStore, offset: int) -> None:
    content = bytes(range(256)) * (2 * PIECE_BYTES // 256) + b"tail!"
    store.create("large", content)

    pieces = list(store.open("large", offset))

    assert b"".join(pieces) == content[offset:]
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)


def test_create_keeps_what_stands_there(store: ObjectStore) -> None:
    store.create("versions/1.0.0.json", b"first")

    with pytest.raises(AlreadyExists, match=r"versions/1\.0\.0\.json"):
        store.create("versions/1.0.0.json", b"second")

    assert store.read("versions/1.0.0.json").data == b"first"


def test_replaces_only_the_content_that_was_read(store: ObjectStore) -> None:
    first = store.create("pointer", b"1")
    second = store.replace("pointer", b"2", first)

    with pytest.raises(Conflict, match="read it again"):
        store.replace("pointer", b"3", first)

    assert store.read("pointer").data == b"2"
    assert store.read("pointer").etag == second
    assert second != first


def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    for call in (store.read, store.size, lambda key: next(store.open(key))):
        with pytest.raises(NotFound, match=MISSING):
            call(MISSING)
    with pytest.raises(NotFound, match=MISSING):
        store.replace(MISSING, b"x", "0" * 32)


def test_lists_by_prefix_in_order(store: ObjectStore) -> None:
    keys = ["models/a.b/versions/1.10.0.json", "models/a.b/versions/1.9.0+linux.json", "models/a.bc/x", "models/a/x"]
    for key in reversed(keys):
        store.create(key, b"{}")

    assert list(store.list("models/")) == keys
    assert list(store.list("models/a.b/versions/")) == keys[:2]
    assert list(store.list("models/a.b")) == keys[:3]
    assert list(store.list("uploads/")) == []
    assert list(store.list("")) == keys


def test_lists_more_than_one_page(store: ObjectStore) -> None:
    keys = [f"parts/{number:04}" for number in range(1005)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: store.create(key, b""), keys))

    assert list(store.list("parts/")) == keys


def test_a_tag_is_another_one_once_the_content_is(store: ObjectStore) -> None:
    for name in ("a", "b"):
        store.create(f"devices/{name}.json", b"1")
    before = dict(store.tags("devices/"))
    assert list(before) == ["devices/a.json", "devices/b.json"]
    assert dict(store.tags("devices/")) == before

    store.replace("devices/a.json", b"2", store.read("devices/a.json").etag)
    after = dict(store.tags("devices/"))
    assert after["devices/a.json"] != before["devices/a.json"]
    assert after["devices/b.json"] == before["devices/b.json"]
    store.delete("devices/b.json")
    assert list(store.tags("devices/")) == [("devices/a.json", after["devices/a.json"])]


def test_deletes_and_may_delete_again(store: ObjectStore) -> None:
    store.create("uploads/ab/0", b"part")

    store.delete("uploads/ab/0")
    store.delete("uploads/ab/0")

    assert list(store.list("uploads/")) == []
    store.create("uploads/ab/0", b"again")
    assert store.read("uploads/ab/0").data == b"again"


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".pipit/store", "a/.b", "a\n", "ä"]
)
def test_refuses_what_is_not_a_key(store: ObjectStore, key: str) -> None:
    for call in (store.read, store.size, store.open, store.delete):
        with pytest.raises(InvalidInput, match="object key"):
            call(key)
    with pytest.raises(InvalidInput, match="object key"):
        store.create(key, b"x")
    with pytest.raises(InvalidInput, match="object key"):
        store.replace(key, b"x", "tag")


@given(st.text(max_size=40) | st.text("./a_-", max_size=12))
def test_a_key_never_leaves_the_store(text: str) -> None:
    try:
        key = check_key(text)
    except InvalidInput:
        return
    assert key == text
    assert all(part and not part.startswith(".") for part in key.split("/"))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(contents=st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_an_etag_names_just_its_content(store: ObjectStore, contents: list[bytes]) -> None:
    store.delete("document")
    etag = store.create("document", contents[0])
    seen = {contents[0]: etag}
    for content in contents[1:]:
        etag = store.replace("document", content, etag)
        assert seen.setdefault(content, etag) == etag
    assert len(set(seen.values())) == len(seen)
    assert store.read("document").data == contents[-1]


def test_readers_never_see_half_an_object(store: ObjectStore) -> None:
    whole = {bytes([letter]) * 300_000 for letter in b"abcdefgh"}
    etag = store.create("document", b"a" * 300_000)
    done = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        # At least once: a reader may get its turn only when all is written.
        seen.add(store.read("document").data)
        while not done.is_set():
            seen.add(store.read("document").data)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for content in sorted(whole):
            etag = store.replace("document", content, etag)
        done.set()
        for reader in readers:
            reader.result()
    assert seen
    assert seen <= whole
