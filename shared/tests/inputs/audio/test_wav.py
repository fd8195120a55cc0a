from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.inputs.audio.wav import Mended, find_samples


def wav(order, *chunks):
    body = b"".join(
        struct.pack(f"{order}4sI", name, size) + content + b"\0" * (len(content) % 2) for name, size, content in chunks
    )
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", len(body) + 4) + b"WAVE" + body


def found(file):
    return find_samples(io.BytesIO(file))


def rf64(wide):
    sizes = struct.pack("<QQQI", 0, wide, 0, 0)
    return b"RF64" + wav("<", (b"ds64", 28, sizes), (b"fmt ", 16, bytes(16)), (b"data", 0xFFFFFFFF, b"12"))[4:]


@pytest.mark.parametrize("order", ["<", ">"])
def test_finds_the_samples_behind_other_chunks(order):
    file = wav(order, (b"fmt ", 16, bytes(16)), (b"LIST", 3, b"abc"), (b"data", 4, b"1234"), (b"fact", 4, bytes(4)))
    samples = found(file)
    assert file[samples.start : samples.start + samples.promised] == b"1234"
    assert (samples.left_open, samples.missing) == (False, 0)


def test_a_promise_that_is_not_kept_is_told():
    samples = found(wav("<", (b"data", 2_000_000_000, b"12")))
    assert (samples.start, samples.promised, samples.there, samples.missing) == (20, 2_000_000_000, 2, 1_999_999_998)


def test_rf64_promises_in_64_bits():
    samples = found(rf64(5_000_000_000))
    assert (samples.start, samples.promised, samples.missing) == (80, 5_000_000_000, 4_999_999_998)


@pytest.mark.parametrize(
    "file",
    [
        *[wav("<", (b"data", size, b"12")) for size in (0, 0x7FFFF000, 0x7FFFFF00, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF)],
        wav(">", (b"data", 0, b"12")),
        rf64(0),
    ],
    ids=["zero", "sox", "arecord", "2 GiB", "less the header", "ffmpeg", "zero in RIFX", "RF64 without lengths"],
)
def test_a_length_that_was_left_open_reaches_to_the_end(file):
    samples = found(file)
    assert (samples.left_open, samples.missing, samples.there) == (True, 0, 2)
    assert found(Mended(io.BytesIO(file), samples).read()).promised == 2


@pytest.mark.parametrize("after", [(), ((b"LIST", 4, b"abcd"),), ((b"LIST", 4, b"abcd"), (b"id3 ", 3, b"abc"))])
def test_a_recording_of_nothing_is_one(after):
    samples = found(wav("<", (b"data", 0, b""), *after))
    assert (samples.left_open, samples.promised) == (False, 0)


@pytest.mark.parametrize(
    "file",
    [
        wav("<", (b"fmt ", 16, bytes(16))),
        wav("<", (b"fmt ", 5_000, bytes(16))),
        wav("<", *[(b"JUNK", 0, b"")] * 5_000, (b"data", 2, b"12")),
        b"fLaC" + bytes(40),
        b"RIFF\0\0\0\0AVI " + bytes(40),
        b"RF64" + wav("<", (b"ds64", 8, bytes(8)))[4:],
        b"RIFF",
        b"",
    ],
    ids=["no data", "past the end", "too many chunks", "flac", "avi", "short ds64", "four bytes", "empty"],
)
def test_what_holds_no_samples_gives_none(file):
    assert found(file) is None


@given(st.sampled_from([b"RIFF", b"RIFX", b"RF64"]), st.sampled_from([b"", b"data", b"ds64"]), st.binary(max_size=300))
def test_any_bytes_give_samples_or_none(kind, chunk, data):
    file = kind + b"\0\0\0\0WAVE" + chunk + data
    samples = found(file)
    assert samples is None or (20 <= samples.start <= len(file) and 0 <= samples.promised < 2**64)


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_mended_file_is_the_file_but_for_its_length(begin, count):
    file = wav("<", (b"fmt ", 16, bytes(range(16))), (b"data", 0, b"123456"))
    mended = Mended(io.BytesIO(file), found(file))
    mended.seek(begin)
    whole = file[:40] + struct.pack("<I", 6) + file[44:]
    assert mended.read(count) == whole[begin : begin + count]
