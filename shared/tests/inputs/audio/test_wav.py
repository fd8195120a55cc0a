from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.inputs.audio.wav import data_span


def wav(order, *chunks):
    body = b"".join(
        struct.pack(f"{order}4sI", name, size) + content + b"\0" * (len(content) % 2) for name, size, content in chunks
    )
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", len(body) + 4) + b"WAVE" + body


@pytest.mark.parametrize("order", ["<", ">"])
def test_finds_the_samples_behind_other_chunks(order):
    file = wav(order, (b"fmt ", 16, bytes(16)), (b"LIST", 3, b"abc"), (b"data", 4, b"1234"), (b"fact", 4, bytes(4)))
    start, size = data_span(file)
    assert file[start : start + size] == b"1234"


def test_gives_what_the_header_promises_not_what_is_there():
    assert data_span(wav("<", (b"data", 2_000_000_000, b"12"))) == (20, 2_000_000_000)


def test_rf64_promises_in_64_bits():
    sizes = struct.pack("<QQQI", 0, 5_000_000_000, 0, 0)
    file = wav("<", (b"ds64", 28, sizes), (b"fmt ", 16, bytes(16)), (b"data", 0xFFFFFFFF, b"12"))
    assert data_span(b"RF64" + file[4:]) == (80, 5_000_000_000)
    # A plain WAV has no such chunk; there it says nothing.
    assert data_span(file) is None


@pytest.mark.parametrize(
    "file",
    [
        wav("<", (b"data", 0xFFFFFFFF, b"12")),
        wav("<", (b"fmt ", 16, bytes(16))),
        wav("<", (b"fmt ", 5_000, bytes(16))),
        wav("<", *[(b"JUNK", 0, b"")] * 5_000, (b"data", 2, b"12")),
        b"fLaC" + bytes(40),
        b"RIFF\0\0\0\0AVI " + bytes(40),
        b"RF64" + wav("<", (b"ds64", 8, bytes(8)))[4:],
        b"RIFF",
        b"",
    ],
    ids=[
        "open length",
        "no data",
        "past the end",
        "too many chunks",
        "flac",
        "avi",
        "short ds64",
        "four bytes",
        "empty",
    ],
)
def test_knows_no_promise(file):
    assert data_span(file) is None


@given(st.sampled_from([b"RIFF", b"RIFX", b"RF64"]), st.sampled_from([b"", b"data", b"ds64"]), st.binary(max_size=300))
def test_any_bytes_give_a_span_or_none(kind, chunk, data):
    file = kind + b"\0\0\0\0WAVE" + chunk + data
    span = data_span(file)
    assert span is None or (20 <= span[0] <= len(file) and 0 <= span[1] < 2**64)
