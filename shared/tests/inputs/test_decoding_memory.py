"""What decoding takes, measured in a process of its own, is never more than what was asked of the budget before.

As a script it prints the table of docs/measured/decoding.csv: python shared/tests/inputs/test_decoding_memory.py 5
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SLACK = 6 << 20
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak is read from Linux's /proc"
)


def noise(size: tuple[int, int], mode: str) -> Image.Image:
    generator = np.random.default_rng(1)
    width, height = size
    if mode == "I;16":
        return Image.fromarray(generator.integers(0, 65_536, (height, width), np.uint16))
    channels = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    # Blocks of one colour, so that files stay small; every value of every channel occurs.
    small = generator.integers(0, 256, (-(-height // 16), -(-width // 16), channels), np.uint8)
    pixels = small.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
    if channels == 1:
        return Image.fromarray(pixels[..., 0]).convert(mode)
    return (
        Image.fromarray(pixels, mode="LA" if mode == "LA" else None).convert(mode) if mode != "CMYK" else cmyk(pixels)
    )


def cmyk(pixels: Any) -> Image.Image:
    return Image.merge("CMYK", [Image.fromarray(pixels[..., one]) for one in range(4)])


def case(form: str, mode: str, **options: Any) -> Callable[[tuple[int, int]], bytes]:
    def make(size: tuple[int, int]) -> bytes:
        file = io.BytesIO()
        picture = noise(size, mode)
        if options.pop("animated", False):
            options.update(save_all=True, append_images=[picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
        picture.save(file, form, **options)
        return file.getvalue()

    return make


CASES: dict[str, Callable[[tuple[int, int]], bytes]] = {
    "JPEG, 4:2:0": case("JPEG", "RGB"),
    "JPEG, 4:4:4": case("JPEG", "RGB", subsampling=0),
    "JPEG, grey": case("JPEG", "L"),
    "JPEG, CMYK": case("JPEG", "CMYK"),
    "JPEG, progressive, 4:2:0": case("JPEG", "RGB", progressive=True),
    "JPEG, progressive, 4:4:4": case("JPEG", "RGB", progressive=True, subsampling=0),
    "JPEG, progressive, grey": case("JPEG", "L", progressive=True),
    "JPEG, progressive, CMYK": case("JPEG", "CMYK", progressive=True),
    "PNG, 1 bit": case("PNG", "1"),
    "PNG, grey": case("PNG", "L"),
    "PNG, grey of 16 bits": case("PNG", "I;16", compress_level=1),
    "PNG, grey and alpha": case("PNG", "LA"),
    "PNG, palette": case("PNG", "P"),
    "PNG, RGB": case("PNG", "RGB"),
    "PNG, RGB with one transparent colour": case("PNG", "RGB", transparency=(1, 2, 3)),
    "PNG, RGBA": case("PNG", "RGBA"),
    "WebP": case("WEBP", "RGB"),
    "WebP, alpha": case("WEBP", "RGBA"),
    "WebP, lossless": case("WEBP", "RGB", lossless=True),
    "WebP, lossless, alpha": case("WEBP", "RGBA", lossless=True),
    "WebP, animated": case("WEBP", "RGBA", animated=True),
    "GIF": case("GIF", "P"),
    "GIF, transparent": case("GIF", "P", transparency=0),
    "TIFF, LZW": case("TIFF", "RGB", compression="tiff_lzw"),
    "TIFF, deflate in one strip": case("TIFF", "RGB", compression="tiff_adobe_deflate", tiffinfo={278: 1 << 20}),
    "TIFF, RGBA": case("TIFF", "RGBA", compression="tiff_lzw"),
    "TIFF, CMYK": case("TIFF", "CMYK", compression="tiff_lzw"),
    "TIFF, grey of 16 bits": case("TIFF", "I;16", compression="tiff_lzw"),
    "TIFF, uncompressed": case("TIFF", "L"),
    "BMP": case("BMP", "RGB"),
    "BMP, palette": case("BMP", "P"),
}  # fmt: skip

CHILD = """
import json, sys, time
from pipit.inputs import EncodedImage, memory
from pipit.inputs.image import decode_with_size

class Asked(memory.Budget):
    def take(self, size, until):
        self.asked = size
        super().take(size, until)

def of(name):
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1])

def run(data, side):
    budget = Asked(1 << 40)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before, begun = of("VmRSS"), time.process_time()
    with budget.request():
        shape = decode_with_size(EncodedImage(data), shorter_side=side).pixels.shape
    return {"peak": of("VmHWM") - before, "asked": budget.asked, "seconds": time.process_time() - begun, "shape": shape}

for line in sys.stdin:
    path, side = json.loads(line)
    data = open(path, "rb").read()
    run(data, side)
    print(json.dumps(run(data, side)), flush=True)
"""


def measure(files: dict[str, Path], side: int | None = None) -> dict[str, dict[str, Any]]:
    """Each file twice, of which the second counts. Every large block goes back to the system when it is freed."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input="".join(json.dumps([str(path), side]) + "\n" for path in files.values()),
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(zip(files, map(json.loads, done.stdout.splitlines()), strict=True))


def made(folder: Path, size: tuple[int, int]) -> dict[str, Path]:
    files = {}
    for number, (name, make) in enumerate(CASES.items()):
        files[name] = folder / str(number)
        files[name].write_bytes(make(size))
    return files


def test_no_format_takes_more_than_it_asked_for(tmp_path: Path) -> None:
    found = measure(made(tmp_path, (1600, 1200)))
    for name, one in found.items():
        assert one["shape"] == [1200, 1600, 3], name
        assert one["peak"] <= one["asked"], name
        # Nor is so much asked for that memory lies idle.
        assert one["asked"] <= 1.5 * one["peak"] + SLACK, name


def test_a_reduced_jpeg_asks_for_what_it_is_reduced_to(tmp_path: Path) -> None:
    names = [name for name in CASES if name.startswith("JPEG")]
    files = made(tmp_path, (1600, 1200))
    found = measure({name: files[name] for name in names}, side=224)
    for name, one in found.items():
        assert one["peak"] <= one["asked"], name
        held = 1600 * 1200 * 8.5 if "progressive" in name else 0
        assert one["asked"] <= held + 2 * SLACK, name


if __name__ == "__main__":
    import tempfile

    megapixels = float(sys.argv[1])
    size = (round((megapixels * 4e6 / 3) ** 0.5), round((megapixels * 3e6 / 4) ** 0.5))
    with tempfile.TemporaryDirectory() as folder:
        table = measure(made(Path(folder), size))
    sys.stdout.write("kind,bytes a pixel,asked for,milliseconds a megapixel\n")
    for name, one in table.items():
        pixels = size[0] * size[1]
        sys.stdout.write(
            f'"{name}",{one["peak"] / pixels:.1f},{one["asked"] / pixels:.1f},{one["seconds"] / pixels * 1e9:.1f}\n'
        )
