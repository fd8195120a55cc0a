from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from home_security.sounds.classes import SECURITY_NAMES
from home_security.sounds.synthetic import RATE, VOICES, golden_inputs, synthesise, write_synthetic_set
from pipit.inputs import EncodedAudio, PcmAudio
from pipit.inputs.audio import decode_audio
from pipit.training.by_input.audio.clips import Clip
from pipit.training.source_set import Listing

Read = Callable[..., Listing[Clip]]


def _digest(folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def test_the_set_is_laid_out_as_esc50_and_says_that_it_is_synthetic(synthetic: Path, read_set: Read) -> None:
    listing = read_set(synthetic, "esc50")
    assert listing.problems == ()
    assert Counter(clip.category for clip in listing.items) == dict.fromkeys(VOICES, 10)
    assert len({clip.category for clip in listing.items} & set(SECURITY_NAMES)) == 4
    assert {clip.fold for clip in listing.items} == {"1", "2", "3", "4", "5"}
    assert "not one of these clips is a recording" in (synthetic / "SYNTHETIC.txt").read_text()
    with (synthetic / "meta" / "esc50.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            info = soundfile.info(synthetic / "audio" / row["filename"])
            assert (info.samplerate, info.channels, info.frames) == (22_050, 1, 110_250)


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, second, other = (
        write_synthetic_set(tmp_path / name, clips_per_class=2, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert _digest(first) == _digest(second) != _digest(other)


def test_takes_of_one_recording_are_alike_and_not_the_same() -> None:
    def spectrum(samples: np.ndarray) -> np.ndarray:
        return np.log(np.abs(np.fft.rfft(samples)).reshape(-1)[:50_000].reshape(500, 100).mean(axis=1))

    for category in VOICES:
        first, second = (synthesise(category, 3, take, seed=1) for take in (0, 1))
        assert len(first) == 5 * RATE
        assert not np.array_equal(first, second)
        assert np.corrcoef(spectrum(first), spectrum(second))[0, 1] > 0.9


def test_golden_inputs_are_sounds_of_several_kinds_and_repeat() -> None:
    first, second = golden_inputs(8, 1), golden_inputs(8, 1)
    assert {type(item) for item in first} == {EncodedAudio, PcmAudio}
    for one, two in zip(first, second, strict=True):
        samples, rate = decode_audio(one)
        assert rate == 22_050
        assert len(samples) == 110_250
        np.testing.assert_array_equal(samples, decode_audio(two)[0])
