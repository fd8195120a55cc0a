"""What it brings to label the sounds that a model is unsure of, against as many that chance chose, and against none.

The recipe `yamnet` is a linear head on YAMNet's embeddings, and so is the model here, though without augmentation:
each seed draws a few recordings of each class to begin with, a pool that a device hears, and held recordings, none in
two of these. Of the pool a number is labelled: drawn from those whose best score lies in the band of a consent (0.4 to
0.6, the nearest ones where they are too few), the least sure, or any. The same head is fitted anew with them.

Writes docs/measured/label_loop.csv: means over the seeds; `none` stands beside the largest number of labels. Needs
ESC-50 and YAMNet in PIPIT_DATA. What goes over registry and device is tested in tests/end_to_end/test_label_loop.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from home_security.sounds.classes import SECURITY_NAMES
from measure import write_csv
from numpy.typing import NDArray
from pipit.inputs.audio import PATCH_FRAMES, cut_windows, resample
from pipit.pipelines.audio_windows import AudioWindows, FrontEnd
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.clips import read_clips
from pipit.training.by_input.audio.features import read_clip
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.by_input.audio.settings import SoundSource
from sklearn.linear_model import LogisticRegression

Indices = NDArray[np.int64]
LOW, HIGH = 0.4, 0.6


@dataclass(frozen=True, slots=True)
class Sounds:
    """embeddings: (clips, 1024), the mean over a clip's patches. labels, recordings: (clips,)."""

    embeddings: NDArray[np.float32]
    labels: NDArray[np.str_]
    recordings: NDArray[np.str_]


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--begin", type=int, default=2, help="recordings of each class that the first model learns")
    parser.add_argument("--labels", type=int, nargs="+", default=[10, 20, 40], help="sounds that are labelled")
    options = parser.parse_args()
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds esc50 and backbones")
    sounds = read_sounds(data)
    rows = []
    for count in options.labels:
        found = [compare(sounds, options.begin, count, seed) for seed in range(options.seeds)]
        rows += [_row(name, count if name != "none" else 0, found) for name in found[0]]
    unique = {(row["labels_of"], row["labels"]): row for row in rows}
    write_csv("label_loop", list(unique.values()), ("onnxruntime", "scikit-learn", "numpy"))


def read_sounds(data: Path) -> Sounds:
    """Every clip of ESC-50 that is there; what is no security class is "none"."""
    source = SoundSource(kind="esc50", path="esc50", licence="CC BY-NC 3.0")
    clips = read_clips(data / "esc50", source, SECURITY_NAMES).items
    pipeline = AudioWindows(FrontEnd("yamnet", 5.0, 2.5))
    wanted = pipeline.front_end.log_mel.sample_rate
    embeddings = []
    with closing(load_runtime(yamnet_file(data), "onnx")) as yamnet:
        (source_name,) = (one.name for one in yamnet.inputs)
        for clip in clips:
            samples, rate = read_clip(clip.path)
            windows, _ = cut_windows(resample(samples, rate, wanted), wanted, 5.0, 2.5)
            bands = pipeline.log_mel(windows[:1])[0, :, :, 0]
            patches = bands.reshape(len(bands), -1, PATCH_FRAMES).transpose(1, 2, 0)[:, np.newaxis]
            embeddings.append(yamnet.run({source_name: patches})["embedding"].mean(axis=0))
    labels = [clip.category if clip.category in SECURITY_NAMES else "none" for clip in clips]
    return Sounds(np.stack(embeddings), np.array(labels), np.array([clip.recording for clip in clips]))


def compare(sounds: Sounds, begin: int, count: int, seed: int) -> Mapping[str, tuple[float, float, float]]:
    """By what was labelled: accuracy and mean recall of held sounds, and how much of it the model had got wrong."""
    generator = np.random.default_rng(seed)
    first, pool, held = _drawn(sounds, begin, generator)
    head = _fitted(sounds, first)
    scores = head.predict_proba(sounds.embeddings[pool])
    best, wrong = scores.max(axis=1), head.classes_[scores.argmax(axis=1)] != sounds.labels[pool]
    away = np.abs(best - (LOW + HIGH) / 2) - (HIGH - LOW) / 2
    chosen: dict[str, Callable[[], Indices]] = {
        "none": lambda: np.empty(0, np.int64),
        # Those in the band are all equally near, and drawn among.
        "band": lambda: np.lexsort((generator.random(len(pool)), np.maximum(away, 0.0)))[:count],
        "least sure": lambda: np.argsort(best)[:count],
        "random": lambda: generator.permutation(len(pool))[:count],
    }
    found = {}
    for name, choose in chosen.items():
        labelled = choose()
        model = _fitted(sounds, np.concatenate([first, pool[labelled]]))
        right = model.predict(sounds.embeddings[held]) == sounds.labels[held]
        recalls = [right[sounds.labels[held] == label].mean() for label in np.unique(sounds.labels[held])]
        share = float(wrong[labelled].mean()) if len(labelled) else 0.0
        found[name] = float(right.mean()), float(np.mean(recalls)), share
    return found


def _drawn(sounds: Sounds, begin: int, generator: np.random.Generator) -> tuple[Indices, Indices, Indices]:
    """Positions of what the first model learns, of the pool and of what is held; recordings stay together."""
    first, pool, held = list[int](), list[int](), list[int]()
    for label in np.unique(sounds.labels):
        here = np.flatnonzero(sounds.labels == label)
        names = generator.permutation(np.unique(sounds.recordings[here]))
        cut = max(1, len(names) // 3)
        for side, part in ((held, names[:cut]), (first, names[cut : cut + begin]), (pool, names[cut + begin :])):
            side.extend(here[np.isin(sounds.recordings[here], part)].tolist())
    return np.array(first), np.array(pool), np.array(held)


def _fitted(sounds: Sounds, chosen: Indices) -> LogisticRegression:
    head = LogisticRegression(max_iter=200, class_weight="balanced")
    return head.fit(sounds.embeddings[chosen], sounds.labels[chosen])


def _row(name: str, count: int, found: list[Mapping[str, tuple[float, float, float]]]) -> dict[str, object]:
    """Means over the seeds, and over pairs of one seed how much better than random, with its 95 % interval."""
    values = np.array([one[name] for one in found])
    gain = values[:, 1] - np.array([one["random"][1] for one in found])
    around = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    return {
        "labels_of": name,
        "labels": count,
        "seeds": len(found),
        "wrongly_answered_before": f"{values[:, 2].mean():.3f}",
        "accuracy": f"{values[:, 0].mean():.4f}",
        "mean_recall": f"{values[:, 1].mean():.4f}",
        "recall_over_random": f"{gain.mean():+.4f}",
        "interval": f"{gain.mean() - around:+.4f} to {gain.mean() + around:+.4f}",
    }


if __name__ == "__main__":
    main()
