"""SYNTHETIC channels: what it takes to make them, and how far single signs tell their advertisements from the rest.

    python tests/load/ads_channels.py FOLDER

FOLDER takes the recordings. A sign's AUC is that of its value alone, by second, over channels that nothing trains on:
0.5 tells nothing, and 1 or 0 tells all.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from ad_detection.channels.grammar import KINDS
from ad_detection.channels.recordings import LABELS, UNSEEN, Size, read_kinds, recordings_of, write_channels
from ad_detection.channels.sound import sound_of
from ad_detection.channels.voices import RATE
from ad_detection.measure import AD, CONTENT
from measure import write_csv
from numpy.typing import NDArray
from pipit.data.spans.table import read_table
from pipit.inputs.video import read_frames
from sklearn.metrics import roc_auc_score

SIZE = Size(channels=UNSEEN, programmes=2, seconds=900.0)
WINDOW = 3
"""Seconds of sound, the last ones before a moment."""
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/ads_channels.csv`."""
    folder = Path(sys.argv[1]) / "synthetic_channels"
    rows: list[Row] = []
    seconds = SIZE.seconds * SIZE.programmes * len(SIZE.channels)
    for name, size in {"picture and sound": SIZE, "picture alone": replace(SIZE, sound=False)}.items():
        begun = time.process_time()
        write_channels(folder if size.sound else folder.with_name("synthetic_silent"), size)
        taken = time.process_time() - begun
        rows.append({"what": name, "measure": "CPU seconds a minute", "value": round(60 * taken / seconds, 2)})
    rows[0]["samples"] = rows[1]["samples"] = round(seconds / 60)
    spans = read_table(folder / LABELS)
    shown = spans.all
    for label in (AD, CONTENT):
        share = sum(span.end - span.start for span in shown if span.label == label) / seconds
        rows.append({"what": label, "measure": "share of time", "value": round(share, 3), "samples": round(seconds)})
    kinds = read_kinds(folder).all
    for kind in KINDS:
        share = sum(span.end - span.start for span in kinds if span.label == kind) / seconds
        rows.append({"what": kind, "measure": "share of time", "value": round(share, 3), "samples": round(seconds)})
    truth, signs = signs_of(folder)
    for name, values in signs.items():
        value = round(float(roc_auc_score(truth, values)), 3)
        rows.append({"what": name, "measure": "AUC alone", "value": value, "samples": len(truth)})
    write_csv("ads_channels", rows, ("numpy", "av", "pillow"))


def signs_of(folder: Path) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.float64]]]:
    """Of each second: whether it is an advertisement, and what is measured of its picture and the sound before it."""
    spans = read_table(folder / LABELS)
    truth: list[bool] = []
    found: list[dict[str, float]] = []
    for one in recordings_of(SIZE):
        sound = sound_of(one.channel, one.parts).astype(np.float64)
        before = None
        for frame in read_frames(folder / f"{one.name}.mp4", rate=1.0):
            pixels = frame.pixels.astype(np.float64)
            last = round(frame.seconds * RATE)
            if before is not None and last >= WINDOW * RATE:
                truth.append(spans.label_at(one.name, frame.seconds) == AD)
                heard = sound[last - WINDOW * RATE : last]
                found.append({**seen(pixels, before), **listened(heard)})
            before = pixels
    return np.array(truth), {name: np.array([one[name] for one in found]) for name in found[0]}


def seen(pixels: NDArray[np.float64], before: NDArray[np.float64]) -> dict[str, float]:
    """pixels, before: RGB, (height, width, 3), a second apart."""
    return {
        "brightness": float(pixels.mean()),
        "saturation": float((pixels.max(axis=2) - pixels.min(axis=2)).mean()),
        "change within a second": float(np.abs(pixels - before).mean()),
    }


def listened(sound: NDArray[np.float64]) -> dict[str, float]:
    """sound: (samples,)."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    blocks = sound[: len(sound) // 1600 * 1600].reshape(-1, 1600)
    levels = 10 * np.log10((blocks**2).mean(axis=1) + 1e-10)
    return {
        "loudness": float(10 * np.log10(np.mean(sound**2) + 1e-10)),
        "spectral centre": float((power * frequency).sum() / (power.sum() + 1e-12)),
        "share of pauses": float((levels < levels.max() - 25).mean()),
    }


if __name__ == "__main__":
    main()
