"""How much faster than real time one core follows a stream and says of a frame a second what it shows.

    python tests/load/ads_throughput.py BUNDLE FOLDER

BUNDLE: of `ad_detection.frames`. FOLDER takes the films: a SYNTHETIC channel, enlarged, as H.264 with 25 pictures a
second. Every picture is decoded, since a stream has no pictures without those before them; one a second goes the way
that a server's pictures go: JPEG, decoded, squeezed, through the network, one thread each. Times are the process's own
CPU time, so that work beside it does not count.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from ad_detection.channels.grammar import frame_at
from ad_detection.channels.recordings import UNSEEN, Size, recordings_of
from measure import write_csv
from numpy.typing import NDArray
from PIL import Image
from pipit.bundle import open_bundle
from pipit.inputs import EncodedImage
from pipit.inputs.video import Pace, upright
from pipit.pipelines.served import serve_bundle

SECONDS = 60
SIZES = {"320 x 180": (320, 180), "1280 x 720": (1280, 720), "1920 x 1080": (1920, 1080)}
RATE = 25


def main() -> None:
    """Prints and writes `docs/measured/ads_throughput.csv`."""
    bundle, folder = open_bundle(Path(sys.argv[1])), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    for name, (width, height) in SIZES.items():
        path = folder / f"{height}.mp4"
        if not path.is_file():
            film(path, width, height)
        spent = {"decode": 0.0, "picture": 0.0, "classify": 0.0}
        with serve_bundle(bundle) as served:
            served.answer(EncodedImage(jpeg(np.zeros((height, width, 3), np.uint8))))
            answered = 0
            begun = time.process_time()
            for frame in taken(path):
                spent["decode"] += time.process_time() - begun
                begun = time.process_time()
                data = jpeg(upright(frame))
                spent["picture"] += time.process_time() - begun
                begun = time.process_time()
                served.answer(EncodedImage(data))
                spent["classify"] += time.process_time() - begun
                answered += 1
                begun = time.process_time()
        total = sum(spent.values())
        rows.append(
            {
                "pictures": name,
                "bit_rate_kbps": round(path.stat().st_size * 8 / SECONDS / 1000),
                **{f"{part}_ms_a_second": round(1000 * value / SECONDS, 1) for part, value in spent.items()},
                "times_real_time": round(SECONDS / total, 1),
                "answers": answered,
            }
        )
    write_csv("ads_throughput", rows, ("av", "numpy", "pillow", "ai-edge-litert"))


def film(path: Path, width: int, height: int) -> None:
    """A minute of a channel, enlarged, with a fresh grain in each picture that is new."""
    (one,) = recordings_of(Size(channels=UNSEEN[:1], programmes=1, seconds=float(SECONDS)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(SECONDS * RATE):
            pixels = frame_at(one.channel, one.parts, number / RATE)
            large = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
            frame = av.VideoFrame.from_ndarray(large, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def taken(path: Path) -> Iterator[av.VideoFrame]:
    """Each picture is decoded, one a second is given; one thread."""
    pace = Pace(1.0)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        yield from (frame for frame in container.decode(stream) if pace.takes(float(frame.time or 0.0)))


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """As a client would send it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
