"""Looks for the same recording under two names among the clips of ESC-50 and the one-second glass breaks.

    python find_sound_copies.py            (PIPIT_DATA must hold esc50)

Every pair of clips is cross-correlated at 8 kHz after whitening, so that a hum in common is no copy. The largest value
over all shifts is 1 for a copy and about 0.1 for two sounds that have nothing to do with each other; clicks, of which a
fire or a clock has many, reach 0.35 by chance. Writes `sounds_copies.csv`: pairs of different recordings over 0.3.
"""

from __future__ import annotations

import numpy as np
from measure import write_csv
from numpy.typing import NDArray
from pipit.inputs.audio import resample
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.features import read_clip
from scipy import fft
from sound_rounds import read_set

RATE = 8_000
LENGTH = 98_304
"""Of the transform: two clips of 6 s fit behind one another."""
REPORTED = 0.3
BLOCK = 64
SMOOTHED_BINS = 65


def main() -> None:
    """Correlates every pair and writes the table."""
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    sets = {
        "esc50": read_set(data / "esc50", "esc50"),
        "glass_break_1s": read_set(data / "esc50" / "glass_break_1s", "table"),
    }
    clips = [(name, clip) for name, found in sets.items() for clip in found]
    spectra = np.stack([whitened(clip) for _, clip in clips])
    rows: list[dict[str, object]] = []
    largest = {"esc50": 0.0, "glass_break_1s": 0.0, "between them": 0.0}
    for first, (set_name, clip) in enumerate(clips):
        for start in range(first + 1, len(clips), BLOCK):
            correlations = fft.irfft(spectra[first].conj() * spectra[start : start + BLOCK], LENGTH)
            for offset, value in enumerate(np.abs(correlations).max(axis=1)):
                other_set, other = clips[start + offset]
                if _source(other) == _source(clip):
                    continue
                pair = set_name if set_name == other_set else "between them"
                largest[pair] = max(largest[pair], float(value))
                if value > REPORTED:
                    rows.append(_row(pair, clip, other, float(value)))
    summary = [
        {"sets": f"largest: {pair}", "correlation": round(value, 3), "samples": len(clips)}
        for pair, value in largest.items()
    ]
    empty = dict.fromkeys(("first", "second", "same_fold"), "")
    rows.sort(key=lambda row: -float(str(row["correlation"])))
    write_csv("sounds_copies", [*({**empty, **entry} for entry in summary), *rows])


def whitened(clip: Clip) -> NDArray[np.complex64]:
    """The clip's spectrum, flattened over bands of 5 Hz, of unit energy in time."""
    samples = resample(*read_clip(clip.path), RATE)[: LENGTH // 2]
    spectrum = np.fft.rfft(samples - samples.mean(), LENGTH)
    magnitude = np.abs(spectrum)
    smooth = np.sqrt(np.convolve(magnitude**2, np.ones(SMOOTHED_BINS) / SMOOTHED_BINS, "same"))
    flat = np.fft.irfft(spectrum / (smooth + 1e-6 * magnitude.max() + 1e-9), LENGTH)[: len(samples)]
    return np.fft.rfft(flat / (np.linalg.norm(flat) + 1e-9), LENGTH).astype(np.complex64)


def _source(clip: Clip) -> str:
    """As the data set has it, before copies that are known are joined."""
    return clip.path.name.split("-")[1] if clip.fold and clip.path.name[0].isdigit() else clip.recording


def _row(pair: str, first: Clip, second: Clip, value: float) -> dict[str, object]:
    return {
        "sets": pair,
        "correlation": round(value, 3),
        "samples": "",
        "first": f"{first.path.name} ({first.category})",
        "second": f"{second.path.name} ({second.category})",
        "same_fold": first.fold == second.fold,
    }


if __name__ == "__main__":
    main()
