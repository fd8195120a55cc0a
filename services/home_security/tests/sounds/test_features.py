from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from home_security.sounds.pipeline import SoundsPipeline
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio
from pipit.pipelines.audio_windows import FrontEnd
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.features import FeatureMaker, read_clip
from pipit.training.by_input.audio.settings import Augmentation
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.progress import LogProgress
from pipit.training.source_set import Listing

Read = Callable[..., Listing[Clip]]

SHAPES = {"librosa_22k": (128, 216, 1), "yamnet": (64, 576, 1)}


def _make(clips: list[Clip], cache: Path, front_end: str, copies: int = 0, seed: int = 1) -> dict[str, np.ndarray]:
    maker = FeatureMaker(FrontEnd(front_end, 5.0, 2.5), Augmentation(), seed, ArrayCache(cache), workers=2)
    digests = file_digests({clip.file: clip.path for clip in clips})
    made, problems = maker.make(clips, digests, copies, LogProgress(), "test")
    assert problems == []
    return made


@pytest.mark.parametrize("front_end", SHAPES)
def test_the_trainer_hears_exactly_what_the_device_hears(
    synthetic: Path, tmp_path: Path, make_manifest: Callable[..., Manifest], front_end: str, read_set: Read
) -> None:
    clips = list(read_set(synthetic, "esc50").items[:3])
    made = _make(clips, tmp_path, front_end)
    pipeline = SoundsPipeline(make_manifest(front_end))
    for clip in clips:
        decoded = pipeline.decode(EncodedAudio(clip.path.read_bytes()))
        assert made[clip.name].shape == (1, *SHAPES[front_end])
        np.testing.assert_array_equal(made[clip.name], decoded.tensors["log_mel"])


def test_the_seed_decides_the_copies_and_the_order_of_clips_does_not(
    synthetic: Path, tmp_path: Path, read_set: Read
) -> None:
    clips = list(read_set(synthetic, "esc50").items[:4])
    first = _make(clips, tmp_path / "a", "yamnet", copies=2)
    second = _make(clips[::-1], tmp_path / "b", "yamnet", copies=2)
    other = _make(clips, tmp_path / "c", "yamnet", copies=2, seed=2)
    for clip in clips:
        np.testing.assert_array_equal(first[clip.name], second[clip.name])
        np.testing.assert_array_equal(first[clip.name][0], other[clip.name][0])
        assert not np.array_equal(first[clip.name][1:], other[clip.name][1:])
        assert not np.array_equal(first[clip.name][0], first[clip.name][1])


def test_features_are_kept_by_content_and_a_broken_file_is_made_anew(
    synthetic: Path, tmp_path: Path, read_set: Read
) -> None:
    (clip,) = read_set(synthetic, "esc50").items[:1]
    expected = _make([clip], tmp_path / "cache", "yamnet")[clip.name]
    (kept,) = (tmp_path / "cache").rglob("*.npy")
    moved = tmp_path / "elsewhere.wav"
    moved.write_bytes(clip.path.read_bytes())
    _make([replace(clip, path=moved, name="other")], tmp_path / "cache", "yamnet")
    assert list((tmp_path / "cache").rglob("*.npy")) == [kept]
    kept.write_bytes(b"broken")
    np.testing.assert_array_equal(_make([clip], tmp_path / "cache", "yamnet")[clip.name], expected)


def test_every_bad_file_is_named_and_the_good_ones_are_made(synthetic: Path, tmp_path: Path, read_set: Read) -> None:
    good = read_set(synthetic, "esc50").items[0]
    (tmp_path / "not_audio.wav").write_bytes(b"hello" * 100)
    (tmp_path / "cut.wav").write_bytes(good.path.read_bytes()[:1000])
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 22_050)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 22_050)
    bad = [Clip(path, path.name, "dog", path.name) for path in sorted(tmp_path.glob("*.wav"))]
    maker = FeatureMaker(FrontEnd("yamnet", 5.0, 2.5), Augmentation(), 1, ArrayCache(tmp_path / "cache"), workers=2)
    digests = file_digests({clip.file: clip.path for clip in (good, *bad)})
    made, problems = maker.make([good, *bad], digests, 0, LogProgress(), "test")
    assert list(made) == [good.name]
    assert [Path(problem.split(": ")[0]).name for problem in problems] == [
        "cut.wav",
        "empty.wav",
        "not_audio.wav",
        "silent.wav",
    ]


def test_a_piece_is_what_its_recording_holds_there_and_may_be_silent(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros(8_000), 0.3 * np.sin(np.arange(8_000) / 10)])
    soundfile.write(tmp_path / "hall.flac", samples, 16_000)
    silent, sounding = read_clip(tmp_path / "hall.flac", 0.0, 0.5), read_clip(tmp_path / "hall.flac", 0.5, 0.75)
    assert not silent[0].any()
    np.testing.assert_allclose(sounding[0], samples[8_000:12_000], atol=1e-4)
    assert sounding[1] == 16_000


def test_copies_are_put_into_the_backgrounds_that_are_given(synthetic: Path, tmp_path: Path, read_set: Read) -> None:
    clips = list(read_set(synthetic, "esc50").items[:2])
    soundfile.write(tmp_path / "hall.wav", np.random.default_rng(1).normal(0, 0.1, 80_000), 16_000)
    behind = [Clip(tmp_path / "hall.wav", "hall.wav@0", "background", "hall", start=0.0, end=5.0, background=True)]
    settings = Augmentation(probability=1.0, time_stretch=(1.0, 1.0), pitch_shift=(0.0, 0.0))
    digests = file_digests({clip.file: clip.path for clip in [*clips, *behind]})
    maker = FeatureMaker(FrontEnd("yamnet", 5.0, 2.5), settings, 1, ArrayCache(tmp_path / "cache"), workers=2)
    alone, _ = maker.make(clips, digests, 1, LogProgress(), "test")
    among, _ = maker.make(clips, digests, 1, LogProgress(), "test", behind)
    again, _ = maker.make(clips, digests, 1, LogProgress(), "test", behind)
    for clip in clips:
        np.testing.assert_array_equal(alone[clip.name][0], among[clip.name][0])
        assert not np.array_equal(alone[clip.name][1], among[clip.name][1])
        np.testing.assert_array_equal(among[clip.name], again[clip.name])


def test_sounds_without_an_event_follow_from_the_seed(tmp_path: Path) -> None:
    maker = FeatureMaker(FrontEnd("yamnet", 5.0, 2.5), Augmentation(), 1, ArrayCache(tmp_path), workers=1)
    first, again, other = (maker.quiet(4, 2, seed) for seed in ([1, 0], [1, 0], [1, 1]))
    assert first.shape == (4, 3, 64, 576, 1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg", ".mp3", ".aiff", ".au"])
def test_any_format_that_soundfile_reads_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clip{ending}"
    soundfile.write(path, 0.3 * np.sin(np.arange(22_050) / 10), 22_050)
    samples, rate = read_clip(path)
    assert rate == 22_050
    assert len(samples) == pytest.approx(22_050, abs=1200)
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.05)


def test_a_file_of_a_rare_format_that_is_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.aiff").write_bytes(b"FORM....AIFF")
    with pytest.raises(InvalidInput, match="not audio"):
        read_clip(tmp_path / "clip.aiff")
