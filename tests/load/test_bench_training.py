"""What the benchmark of a training compares is the same on both sides, and its table says what was measured."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from pipit.inputs import EncodedAudio
from pipit.pipelines.audio_windows import AudioWindows, FrontEnd

LARGEST_DIFFERENCE_DB = 1e-3
"""Of two ways to the same log-mel, on any clip: `docs/measured/log_mel.csv` has 1.5e-5 on real ones."""

pytestmark = pytest.mark.filterwarnings("ignore:.*slated for removal in Python:DeprecationWarning")
"""Of modules for old formats, which librosa's reader looks for."""

Import = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Import:
    """A script that lies beside this file and in no package."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module


@pytest.mark.parametrize("seconds", [3.0, 5.0, 7.0])
def test_the_guides_features_are_ours(tmp_path: Path, load: Import, seconds: float) -> None:
    guide = load("guide_training")
    samples = round(seconds * guide.RATE)
    time = np.arange(samples) / guide.RATE
    sound = 0.3 * np.sin(2 * np.pi * 440.0 * time) + np.random.default_rng(1).normal(0.0, 0.01, samples)
    path = tmp_path / "clip.wav"
    soundfile.write(path, sound, guide.RATE, subtype="PCM_16")
    front_end = FrontEnd("librosa_22k", float(guide.SECONDS), 2.5)
    ours = AudioWindows(front_end).decode(EncodedAudio(path.read_bytes())).tensors["log_mel"][0]
    theirs = guide.load_features(str(path))
    assert theirs.shape == ours.shape == (guide.BANDS, guide.FRAMES, 1)
    assert np.abs(ours - theirs).max() < LARGEST_DIFFERENCE_DB


def test_the_subset_has_so_many_clips_of_each_class(tmp_path: Path, load: Import) -> None:
    source = tmp_path / "esc50"
    (source / "audio").mkdir(parents=True)
    (source / "meta").mkdir()
    names = [f"1-{number}-A-{number % 2}" for number in range(7)]
    with (source / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "fold", "category", "src_file"])
        writer.writerows([f"{name}.wav", 1, ("dog", "rain")[index % 2], index] for index, name in enumerate(names))
    for name in names:
        (source / "audio" / f"{name}.ogg").write_bytes(name.encode())
    assert load("bench_training").subset(source, tmp_path / "part", 2) == 4
    kept = sorted((tmp_path / "part" / "audio").iterdir())
    assert [path.stem for path in kept] == names[:4]
    assert [path.read_bytes().decode() for path in kept] == names[:4]
    with (tmp_path / "part" / "meta" / "esc50.csv").open() as file:
        assert [row["category"] for row in csv.DictReader(file)] == ["dog", "rain", "dog", "rain"]


def test_one_more_epoch_and_ratios_follow_from_what_was_measured(load: Import) -> None:
    bench = load("bench_training")
    rows = [
        bench.row("small", epochs, way, "3 + 1 + 1", bench.Taken(seconds, processor, {"fit": fit}))
        for epochs, way, seconds, processor, fit in (
            ("2", "guide", 20.0, 30.0, 12.0),
            ("6", "guide", 40.0, 70.0, 32.0),
            ("2", "pipit, first", 10.0, 20.0, 4.0),
            ("6", "pipit, first", 14.0, 26.0, 8.0),
        )
    ]
    found = bench.with_ratios([*rows, *bench.further_epochs(rows)])
    ours = {one["epochs"]: one for one in found if one["way"] == "pipit, first"}
    assert ours["2"]["guide_over_this_clock"] == 2.0
    assert ours["6"]["guide_over_this_fit"] == 4.0
    assert (ours["one epoch"]["seconds"], ours["one epoch"]["processor_seconds"]) == ("1.00", "1.50")
    assert ours["one epoch"]["guide_over_this_clock"] == 5.0
    assert ours["one epoch"]["guide_over_this_processor"] == 6.67


def test_a_process_that_fails_ends_the_benchmark_with_its_words(load: Import) -> None:
    with pytest.raises(SystemExit, match="no such number"):
        load("bench_training").run(["sh", "-c", "echo no such number; exit 3"])
