"""Stress tests of sounds, on answers whose weakness is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pipit.answers import predict
from pipit.bundle.gates import check_gates
from pipit.bundle.manifest import Decision, Gate
from pipit.training.by_input.audio.robustness import (
    Answer,
    LabelledSound,
    Robustness,
    measure_robustness,
    sample_sounds,
    write_robustness,
)
from pipit.training.by_input.audio.sound_changes import RATE, changes, hum, loudest, pink, quiet_test_sounds, white
from pipit.types import Prediction

LABELS = ("none", "bang")
DECISION = Decision(background="none")
HZ = 8_000


def bang(seconds: float = 3.0, height: float = 0.5) -> tuple[np.ndarray, int]:
    """A tenth of a second of noise, one second in."""
    sound = np.zeros(round(seconds * HZ), np.float32)
    sound[HZ : HZ + HZ // 10] = np.random.default_rng(1).choice([-height, height], HZ // 10)
    return sound, HZ


def still() -> tuple[np.ndarray, int]:
    return np.full(3 * HZ, 1e-4, np.float32) * np.random.default_rng(2).choice([-1, 1], 3 * HZ).astype(np.float32), HZ


def answering(is_bang: Callable[[np.ndarray, int], bool]) -> Answer:
    def heard(samples: np.ndarray, rate: int) -> Sequence[Prediction]:
        assert samples.dtype == np.float32
        assert samples.ndim == 1
        score = 0.9 if is_bang(samples, rate) else 0.1
        return [predict(np.array([1 - score, score], np.float32), LABELS, DECISION)]

    return lambda sounds: (heard(samples, rate) for samples, rate in sounds)


SOUNDS = [
    *(LabelledSound(f"b{i}", "bang", f"g{i // 2}", bang) for i in range(6)),
    *(LabelledSound(f"n{i}", "none", f"h{i}", still) for i in range(5)),
]


def test_one_that_hears_loudness_alone_misses_faint_events_and_takes_hiss_for_them() -> None:
    found = measure_robustness(answering(lambda samples, _: bool(np.abs(samples).max() > 0.05)), SOUNDS, "none")
    rates = found.metrics()
    for change, detection in (("unchanged", 1.0), ("gain_-10dB", 1.0), ("gain_-40dB", 0.0), ("gap", 1.0)):
        assert rates[f"robust.{change}.detection_rate"].value == detection
        assert rates[f"robust.{change}.detection_rate"].samples == 6
        assert rates[f"robust.{change}.background_alarm_rate"].value == 0.0
    assert rates["robust.worst.detection_rate"].value == 0.0
    assert rates["robust.worst.detection_drop"].value == 1.0
    assert rates["robust.gain_-40dB.detection_rate"].high == pytest.approx(
        0.561, abs=1e-3
    )  # Wilson's, of three groups.
    assert rates["quiet.silence.alarm_rate"].value == 0.0
    assert (rates["quiet.white.alarm_rate"].value, rates["quiet.white.alarm_rate"].samples) == (0.4, 20)
    assert rates["quiet.hum.alarm_rate"].value == 0.5
    assert found.false_alarms["white hiss at -20 dBFS, 0.5 s"] == ("bang",)
    gates = (Gate(name="quiet", metric="quiet.alarm_rate", comparison="<=", limit=0.0),)
    assert not check_gates(gates, rates)[0].passed


def test_one_that_takes_silence_for_an_event_is_found_out() -> None:
    """As a network does that learnt from clips which are mostly padding."""
    found = measure_robustness(answering(lambda samples, _: bool((samples == 0).mean() > 0.5)), SOUNDS, "none")
    rates = found.metrics()
    assert rates["robust.unchanged.detection_rate"].value == 1.0
    assert rates["robust.loudest_0.5s.detection_rate"].value == 1.0  # Still four fifths of nothing.
    assert rates["robust.hiss_20dB.detection_rate"].value == 0.0
    assert rates["quiet.silence.alarm_rate"].value == 1.0
    assert rates["quiet.alarm_rate"].value == pytest.approx(4 / rates["quiet.alarm_rate"].samples)


def test_a_faultless_one_passes_and_without_a_background_only_events_are_asked_about() -> None:
    def hears(samples: np.ndarray, rate: int) -> bool:
        short = np.abs(loudest(samples, round(0.05 * rate))).mean()
        return rate == HZ and bool(short > 3 * np.abs(samples).mean())

    found = measure_robustness(answering(hears), SOUNDS, "none")
    assert found.false_alarms == {}
    assert found.metrics()["quiet.alarm_rate"].value == 0.0
    alone = measure_robustness(answering(hears), SOUNDS[:6], None)
    assert alone.quiet == ()
    assert not any("alarm" in name for name in alone.metrics())
    assert alone.metrics()["robust.unchanged.detection_rate"].value == 1.0
    without = measure_robustness(answering(hears), SOUNDS, "none", experimental=("bang",))
    assert not any("detection" in name for name in without.metrics())


def test_changes_do_what_their_names_say() -> None:
    sound, rate = bang(height=0.9)
    made = {name: change(sound, rate, np.random.default_rng(1)) for name, change in changes().items()}
    assert next(iter(made)) == "unchanged"
    assert len(made["loudest_0.5s"]) == rate // 2
    assert np.abs(made["loudest_0.5s"]).max() == np.float32(0.9)
    assert np.abs(made["gain_-40dB"]).max() == pytest.approx(0.009, abs=1 / 32767)
    assert np.abs(made["gain_+6dB"]).max() == 1.0
    assert not made["gap"][rate * 3 // 2 - 1000 : rate * 3 // 2 + 1000].any()
    assert np.flatnonzero(made["offset_1s"])[0] == np.flatnonzero(sound)[0] + rate
    noise = (made["hiss_10dB"] - sound)[2 * rate :]
    loud = np.sqrt(np.mean(loudest(sound, round(0.5 * rate)) ** 2))
    assert 20 * np.log10(loud / noise.std()) == pytest.approx(10, abs=0.5)
    assert all(one.dtype == np.float32 for one in made.values())


def test_made_sounds_have_their_level_and_colour() -> None:
    generator = np.random.default_rng(3)
    for made in (white(RATE, -30, generator), pink(RATE, -30, generator), hum(RATE, 50.0, -30)):
        assert 20 * np.log10(np.sqrt(np.mean(made.astype(np.float64) ** 2))) == pytest.approx(-30, abs=0.1)
    spectrum = np.abs(np.fft.rfft(pink(RATE * 4, -30, generator))) ** 2
    low, high = spectrum[4 * 200 : 4 * 400].mean(), spectrum[4 * 1600 : 4 * 3200].mean()
    assert 10 * np.log10(low / high) == pytest.approx(9, abs=1)  # Three octaves.
    assert np.argmax(np.abs(np.fft.rfft(hum(RATE, 60.0, -30)))) == 60
    sounds = list(quiet_test_sounds(1))
    assert {len(sound) / RATE for _, _, sound in sounds} == {0.5, 1.0, 2.0, 5.0}
    assert len({name for _, name, _ in sounds}) == len(sounds)
    again = list(quiet_test_sounds(1))
    assert all((one[2] == other[2]).all() for one, other in zip(sounds, again, strict=True))


def test_which_sounds_are_asked_about() -> None:
    many = [LabelledSound(f"a{i}", "bang", "one" if i < 50 else f"g{i}", bang) for i in range(55)]
    many += [LabelledSound(f"n{i}", "none", f"h{i}", still) for i in range(40)]
    chosen = sample_sounds(many, "none", 6, seed=4)
    assert [one.label for one in chosen] == ["bang"] * 6 + ["none"] * 24
    assert len({one.group for one in chosen if one.label == "bang"}) == 6
    assert chosen == sample_sounds(many, "none", 6, seed=4) != sample_sounds(many, "none", 6, seed=5)


def test_what_is_written(tmp_path: Path) -> None:
    found: Robustness = measure_robustness(answering(lambda *_: True), SOUNDS[4:8], "none")
    data, picture = write_robustness(tmp_path / "report", found)
    kept = json.loads(data.read_bytes())
    assert kept["changes"][0]["change"] == "unchanged"
    assert kept["quiet"][0] == {
        "kind": "silence",
        "alarms": {"value": 1.0, "samples": 4, "low": pytest.approx(0.51, abs=0.01), "high": 1.0},
        "heard": {"bang": 4},
    }
    assert picture.read_bytes()[:4] == b"\x89PNG"
    head, first, *_ = found.table()
    assert head == ("sounds", "asked", "event detected", "alarm without one")
    assert first == ("silence, nothing else", "4", "", "1.00 (0.51 to 1.00)")
