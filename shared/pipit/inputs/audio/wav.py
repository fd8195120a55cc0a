"""What a WAV header promises. libsndfile trims a promise to the file's end in silence; a caller should hear of it."""

from __future__ import annotations

import struct

MAX_CHUNKS = 1_000
UNKNOWN_LENGTH = 0xFFFFFFFF
"""Written by recorders that could not seek back to the header."""


def data_span(file: bytes) -> tuple[int, int] | None:
    """Where the samples of a WAV (RIFF or RF64) begin and how many bytes its header promises.

    None where there is no such promise: another format, no `data` chunk, or a length that was left open.
    Source: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, 1991; EBU Tech 3306.
    """
    order = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<"}.get(file[:4])
    if order is None or file[8:12] != b"WAVE":
        return None
    wide_size = UNKNOWN_LENGTH
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(file):
            return None
        name, size = struct.unpack_from(f"{order}4sI", file, position)
        position += 8
        if name == b"data":
            size = wide_size if size == UNKNOWN_LENGTH else size
            return None if size == UNKNOWN_LENGTH else (position, size)
        if name == b"ds64" and file[:4] == b"RF64" and position + 16 <= len(file):
            (wide_size,) = struct.unpack_from("<Q", file, position + 8)
        position += size + size % 2
    return None
