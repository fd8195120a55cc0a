"""Frames of SYNTHETIC channels, collected as those of real recordings are: filmed, then taken by `pipit data frames`.

No frame is of real television, and no number measured on it says anything about that. For machines without recordings,
to try the way; for golden inputs; and to see what a network goes by, as when the logo is taken away.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from pipit.data.frames.collect import collect
from pipit.data.frames.folder import FrameSettings, Room
from pipit.data.frames.report import CollectOptions
from pipit.data.synthetic import MARK, Advance
from pipit.inputs import EncodedImage, Input

from ad_detection.channels.drawing import content_frame, encoded, spot_frame
from ad_detection.channels.looks import make_channel
from ad_detection.channels.recordings import LABELS, TRUTH, Size, write_channels

SMALL = Size(channels=(1, 2, 3, 7), programmes=3, seconds=700.0, fps=Fraction(1, 5), sound=False)
"""A picture every 5 s, and no sound, for frames have none."""


def write_synthetic_set(folder: Path, advance: Advance) -> None:
    """`pipit data synthesise ad_detection.frames`."""
    write_frames(folder, SMALL, advance)


def write_frames(folder: Path, size: Size, advance: Advance = lambda done, total: None) -> Path:
    """Collects frames, one a second at most, into a new folder, and puts what recordings show beside them.

    The same size gives the same frames. The recordings are not kept. advance: counts seconds.
    """
    with TemporaryDirectory(prefix="pipit-channels-") as scratch:
        recordings = write_channels(Path(scratch) / "recordings", size, advance)
        settings = FrameSettings(fps=1.0, by_path=True)
        options = CollectOptions(settings, Room(min_free_bytes=1 << 26))
        collect(str(recordings), folder, options, Event(), lambda *_: None, lambda _: None)
        for name in (LABELS, TRUTH, MARK):
            shutil.copyfile(recordings / name, folder / name)
    return folder


def golden_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` frames of a channel that no set has, in turn content and spot, PNG and JPEG."""
    channel = make_channel(10_000 + seed)
    frames = (
        spot_frame(90_000 + number, 1, 0.0, last=number % 4 == 1)
        if number % 2
        else content_frame(channel, 90_000 + number, number, 0.0, logo=True)
        for number in range(count)
    )
    return [EncodedImage(encoded(pixels, ("PNG", "JPEG")[number // 2 % 2])) for number, pixels in enumerate(frames)]
