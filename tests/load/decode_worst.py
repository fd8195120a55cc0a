"""The slowest and largest files that a server still takes, by format: seconds and memory, under its default limits.

.venv/dev/bin/python tests/load/decode_worst.py     writes docs/measured/decoding_worst.csv
"""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from measure import write_csv
from PIL import Image

MIB = 1 << 20
CHILD = """
import json, sys, time
from pipit.inputs import EncodedAudio, EncodedImage, memory
from pipit.inputs.audio import decode_audio
from pipit.inputs.image import decode_with_size

def of(name):
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1])

data, kind, side = sys.stdin.buffer.read(), sys.argv[1], int(sys.argv[2]) or None
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before, begun = of("VmRSS"), time.process_time()
with memory.Budget(256 << 20).request():
    if kind == "picture":
        decode_with_size(EncodedImage(data), shorter_side=side)
    else:
        decode_audio(EncodedAudio(data))
print(json.dumps([time.process_time() - begun, of("VmHWM") - before]))
"""


def noise(width: int, height: int, cell: int = 1) -> Image.Image:
    small = np.random.default_rng(1).integers(0, 256, (-(-height // cell), -(-width // cell), 3), np.uint8)
    return Image.fromarray(small.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width])


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def with_scans(width: int, height: int, scans: int) -> bytes:
    data = saved(noise(width, height, 16), "JPEG", progressive=True, quality=50)
    last = data.rfind(b"\xff\xda")
    return data[:-2] + data[last:-2] * (scans - data.count(b"\xff\xda")) + b"\xff\xd9"


def interlaced(width: int, height: int) -> bytes:
    """16 bits, RGB with alpha: eight bytes a pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 1)
    packed = zlib.compress(bytes(width * height * 8 + 8 * height), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def sound(form: str, subtype: str, rate: int, channels: int, frames: int, loud: float = 0.01) -> bytes:
    file, generator = io.BytesIO(), np.random.default_rng(1)
    with soundfile.SoundFile(file, "w", rate, channels, format=form, subtype=subtype) as target:
        for start in range(0, frames, rate):
            shape = (min(rate, frames - start), channels)
            target.write((loud * generator.standard_normal(shape)).astype(np.float32))
    return file.getvalue()


CASES: dict[str, tuple[str, int, Callable[[], bytes]]] = {
    "JPEG of 34 megapixels, whole": ("picture", 0, lambda: saved(noise(6800, 5000, 4), "JPEG", quality=70)),
    "progressive JPEG of 40 megapixels in 25 scans, reduced": ("picture", 224, lambda: with_scans(8000, 5000, 25)),
    "progressive JPEG of 10 megapixels in 100 scans": ("picture", 0, lambda: with_scans(4000, 2500, 100)),
    "PNG of 36 megapixels, interlaced, 64 bits a pixel": ("picture", 0, lambda: interlaced(7200, 5000)),
    "WebP of 14 megapixels": ("picture", 0, lambda: saved(noise(4300, 3250, 4), "WEBP", quality=75, method=0)),
    "WebP of 14 megapixels, lossless": (
        "picture", 0, lambda: saved(noise(4300, 3250, 2), "WEBP", lossless=True, method=0, quality=0),
    ),
    "GIF of 40 megapixels": ("picture", 0, lambda: saved(noise(8000, 5000, 4).quantize(64), "GIF")),
    "TIFF of 30 megapixels, deflate": (
        "picture", 0, lambda: saved(noise(6000, 5000, 50), "TIFF", compression="tiff_adobe_deflate"),
    ),
    "BMP of 5 megapixels": ("picture", 0, lambda: saved(noise(2500, 2000), "BMP")),
    "FLAC of 120 s at 192 kHz, 4 channels": (
        "sound", 0, lambda: sound("FLAC", "PCM_16", 192_000, 4, 120 * 192_000, 0.0),
    ),
    "Ogg Vorbis of 110 s at 48 kHz, 16 channels": (
        "sound", 0, lambda: sound("OGG", "VORBIS", 48_000, 16, 110 * 48_000, 0.0005),
    ),
    "Ogg Opus of 120 s, 2 channels": ("sound", 0, lambda: sound("OGG", "OPUS", 48_000, 2, 120 * 48_000)),
    "MP3 of 120 s, 2 channels": ("sound", 0, lambda: sound("MP3", "MPEG_LAYER_III", 48_000, 2, 120 * 48_000)),
}  # fmt: skip


def main() -> None:
    rows = []
    for name, (kind, side, make) in CASES.items():
        data = make()
        done = subprocess.run(
            [sys.executable, "-c", CHILD, kind, str(side)],
            input=data,
            stdout=subprocess.PIPE,
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"},
            check=True,
        )
        seconds, peak = json.loads(done.stdout)
        rows.append(
            {"what": name, "mib": round(len(data) / MIB, 2), "seconds": round(seconds, 2), "peak_mib": peak // MIB}
        )
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    write_csv("decoding_worst", rows, ("pillow", "soundfile", "numpy"))


if __name__ == "__main__":
    main()
