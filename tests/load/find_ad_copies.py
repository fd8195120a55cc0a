"""Whether sound of `tv_audio` comes again in another session, as a spot does that is shown twice, and what it flatters.

    python tests/load/find_ad_copies.py FOLDER

Needs PIPIT_DATA with `tv_audio`, and FOLDER as `compare_ad_audio.py` left it. Two clips are compared at every shift
that leaves half of them: the correlation of their log-mel, 50 ms a step, each band without its mean. Where it is high,
one session out has heard the spot that it is asked about. So the session is asked about once more by what was taught
without its copies.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ad_detection.audio.data import Moment, heard, read_moments
from ad_detection.audio.hearing import MOVES
from ad_detection.audio.recipe import Features, SoundSource
from ad_detection.measure import AD
from compare_ad_audio import LEVELS, Row, Rows, chosen, line, taught, told
from measure import write_csv
from numpy.typing import NDArray
from pipit.inputs.audio import YAMNET, LogMel
from pipit.settings import DataSettings, load_settings
from pipit.training.intervals import Estimate

STEP = 5
"""Frames of 10 ms."""
STEPS = 96
"""Of a clip."""
LIMITS = (0.7, 0.8, 0.9)
LIKENESS = 0.7
"""From which on a clip is taken for a copy."""
WINDOW = 30


def main() -> None:
    """Prints and writes `docs/measured/ads_audio_copies.csv`."""
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    source = SoundSource(kind="clips", path=str(data / "tv_audio"), licence="", rename={"non-ad": "content"})
    moments = read_moments(data / "tv_audio", source, Features(window=WINDOW)).items
    truth = np.array([moment.label == AD for moment in moments], np.int64)
    sessions = np.array([moment.group for moment in moments], object)
    alike = likeness(pictures(moments))
    alike[sessions[:, np.newaxis] == sessions[np.newaxis]] = -1.0
    rows: list[Row] = []
    for limit in LIMITS:
        copied = alike.max(axis=1) > limit
        for name, own in (("ad", truth == 1), ("content", truth == 0)):
            share = Estimate(float(copied[own].mean()), int(own.sum()))
            rows.append(line("tv_audio, 5 s", name, f"likeness over {limit}", "share heard in another session", share))
    kept: Rows = np.load(Path(sys.argv[1]) / f"tv_audio_{WINDOW}_1.0.npy")
    networks = {"moves": kept[:, :MOVES], "yamnet's embedding": kept[:, MOVES:-LEVELS], "yamnet": kept[:, :-LEVELS]}
    for name, heard_rows in networks.items():
        scores = without_copies(heard_rows, truth, sessions, alike > LIKENESS)
        rows += told(f"tv_audio, {WINDOW} s", name, "one session out, without its copies", truth, scores, sessions)
    write_csv("ads_audio_copies", rows, ("numpy", "scikit-learn"))


def pictures(moments: tuple[Moment, ...]) -> Rows:
    """Log-mel of each moment's own clip, (clips, bands, STEPS), of length 1 and without each band's mean."""
    log_mel = LogMel(YAMNET)
    found = []
    for _, samples in heard([Moment(m.name, m.label, m.group, m.files[-1:]) for m in moments], 5):
        assert not isinstance(samples, str), samples
        steps = log_mel(samples)[:, : STEPS * STEP].reshape(-1, STEPS, STEP).mean(axis=2)
        steps = steps - steps.mean(axis=1, keepdims=True)
        found.append(steps / np.linalg.norm(steps))
    return np.stack(found)


def likeness(clips: Rows) -> Rows:
    """The highest correlation of each two over all shifts that leave half of them, (clips, clips)."""
    size = 2 * STEPS
    spectra = np.fft.rfft(clips, size, axis=2)
    energy = np.concatenate([np.zeros((len(clips), 1)), np.cumsum((clips**2).sum(axis=1), axis=1)], axis=1)
    found = np.full((len(clips), len(clips)), -1.0, np.float32)
    for place, spectrum in enumerate(spectra):
        products = np.fft.irfft((spectrum.conj() * spectra).sum(axis=1), size, axis=1)
        for shift, own, theirs in _overlaps(energy[place], energy):
            likely = products[:, shift % size] / np.sqrt(np.maximum(own * theirs, 1e-9))
            found[place] = np.maximum(found[place], likely)
    return found


def _overlaps(own: NDArray[np.floating], theirs: NDArray[np.floating]) -> Iterator[tuple[int, float, Rows]]:
    """Each shift, and the energy of what lies above each other."""
    for shift in range(-STEPS // 2, STEPS // 2 + 1):
        length = STEPS - abs(shift)
        first, second = max(0, -shift), max(0, shift)
        yield (
            shift,
            float(own[first + length] - own[first]),
            np.asarray(theirs[:, second + length] - theirs[:, second]),
        )


def without_copies(
    rows: Rows, truth: NDArray[np.int64], groups: NDArray[np.object_], copies: NDArray[np.bool_]
) -> Rows:
    """Scores of each session by what the others taught, less what is a copy of any of its clips."""
    scores = np.empty(len(truth), np.float32)
    for group in np.unique(groups):
        test = groups == group
        train = np.flatnonzero(~test & ~copies[test].any(axis=0))
        strength = chosen(rows[train], truth[train], groups[train])
        scores[test] = taught(rows[train], truth[train], strength)(rows[test])
    return scores


if __name__ == "__main__":
    main()
