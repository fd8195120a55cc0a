"""Instructions of the parts of a picture's way that are numpy's and Pillow's: equal on every run, unlike times.

    python tests/load/count_pictures.py [--before ../pipit-before]      (made by: git worktree add)

Needs valgrind, whose callgrind counts them; networks are left out, since callgrind shows them fewer vector instructions
than they would use. The pictures are those of `bench_pictures.py`. Takes a minute or two for each checkout.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pipit.inputs import EncodedImage
from pipit.inputs.boxes import letterbox
from pipit.inputs.image import decode_with_size
from pipit.landmarks.body import refine
from pipit.landmarks.crop import crop
from pipit.landmarks.geometry import Rectangle

LARGE, SMALL = "large.jpg", "small.npy"
MARK = "getppid"
"""A function of the C library that nothing else here calls: callgrind writes down its counts where it is called."""
_TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)


def main() -> None:
    """Counts, and writes docs/measured/pictures_instructions.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    parser.add_argument("--count", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.count:
        do_each(options.count)
        return
    # Only here: under callgrind their imports would take longer than all the rest.
    from bench_pictures import large_file, small_picture
    from measure import write_csv
    from servers import ROOT

    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / LARGE).write_bytes(large_file())
        np.save(folder / SMALL, small_picture())
        checkouts = [ROOT, options.before] if options.before else [ROOT]
        with ThreadPoolExecutor() as pool:
            after, *others = pool.map(lambda checkout: counted(checkout, folder), checkouts)
    before = others[0] if others else {}
    rows = [
        {
            "part": part,
            "before": before.get(part, ""),
            "after": count,
            "ratio": round(count / before[part], 3) if part in before else "",
        }
        for part, count in after.items()
    ]
    write_csv("pictures_instructions", rows, ("numpy", "pillow"))


def parts_of(folder: Path) -> dict[str, Callable[[], object]]:
    """By name."""
    item = EncodedImage((folder / LARGE).read_bytes())
    picture = np.load(folder / SMALL)
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (375, 500, 3), np.uint8)
    points = random.uniform(0, 1, (39, 2)).astype(np.float32)
    heat = random.normal(-2, 3, (64, 64, 39)).astype(np.float32)
    whole, turned = Rectangle(320, 240, 640, 640), Rectangle(300, 200, 260, 260, 0.1)
    return {
        "face: upright crop, 128 px": lambda: crop(picture, whole, 128, repeat_border=False),
        "face: turned crop, 192 px": lambda: crop(picture, turned, 192, repeat_border=True),
        "body: upright crop, 224 px": lambda: crop(picture, whole, 224, repeat_border=False),
        "body: turned crop, 256 px": lambda: crop(picture, turned, 256, repeat_border=True),
        "body: points by their heat maps": lambda: refine(points, heat),
        "detector: letterbox of 500 x 375": lambda: letterbox(coarse, 320),
        "decode 12 megapixels at 1/8": lambda: decode_with_size(item, shorter_side=320),
        "decode 12 megapixels at 1/4": lambda: decode_with_size(item, shorter_side=720),
        "decode 12 megapixels at 1/1": lambda: decode_with_size(item),
    }


def do_each(folder: Path) -> None:
    """Under callgrind: each part once to warm up, and once between two marks."""
    for name, call in parts_of(folder).items():
        call()
        os.getppid()
        call()
        os.getppid()
        print(name, flush=True)  # noqa: T201


def counted(checkout: Path, folder: Path) -> dict[str, int]:
    """Instructions of each part with the code of a checkout."""
    with TemporaryDirectory() as name:
        out = Path(name) / "out"
        command = ["valgrind", "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={out}"]
        done = subprocess.run(
            [*command, sys.executable, __file__, "--count", str(folder)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(checkout.resolve() / "shared")},
        )
        parts = done.stdout.splitlines()
        # Odd ones end at the mark before a part, even ones at the mark behind it.
        return {part: _total(out.with_name(f"out.{2 * place}")) for place, part in enumerate(parts, 1)}


def _total(file: Path) -> int:
    match = _TOTAL.search(file.read_text())
    if match is None:
        raise SystemExit(f"{file} has no total; is this another callgrind?")
    return int(match[1])


if __name__ == "__main__":
    main()
