from __future__ import annotations

import pytest
from home_security.sounds.classes import BACKGROUND, SECURITY_NAMES, choose_labels
from pipit.training.by_input.audio.clips import meant_class


def test_security_classes_have_the_priorities_of_the_guide() -> None:
    everything = choose_labels(SECURITY_NAMES, "security")
    assert everything.priorities == {
        "glass_breaking": "high",
        "smoke_alarm": "high",
        "door_wood_knock": "high",
        "siren": "high",
        "gunshot": "high",
        "dog": "medium",
        "crying_baby": "medium",
        "footsteps": "low",
    }


def test_a_class_without_data_is_reported_and_is_no_label() -> None:
    labels = choose_labels(["rain", "siren", "dog", "dog"], "security")
    assert labels.names == ("siren", "dog", BACKGROUND)
    assert labels.missing == ("glass_breaking", "smoke_alarm", "door_wood_knock", "gunshot", "crying_baby", "footsteps")
    assert labels.alarms == ("siren", "dog")


def test_the_network_tells_every_category_apart_and_the_background_is_their_sum() -> None:
    labels = choose_labels(["rain", "siren", "dog", "clock_tick"], "security")
    assert labels.outputs == ("clock_tick", "dog", "rain", "siren")
    assert labels.output_labels == (BACKGROUND, "dog", BACKGROUND, "siren")
    assert labels.index("rain") == labels.names.index(BACKGROUND)


def test_all_classes_keep_their_names_and_have_no_background() -> None:
    labels = choose_labels(["rain", "dog"], "all")
    assert labels.names == labels.outputs == labels.output_labels == ("dog", "rain")
    assert labels.background is None
    assert labels.alarms == ("dog",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("glass_break", "glass_breaking"), ("footstep", "footsteps"), ("Siren", None), ("door_wood_creaks", None)],
)
def test_a_misspelt_class_is_recognised_and_a_real_other_one_is_not(written: str, meant: str | None) -> None:
    assert meant_class(written, SECURITY_NAMES) == meant


def test_a_right_name_is_not_taken_for_a_misspelling() -> None:
    assert [meant_class(name, SECURITY_NAMES) for name in SECURITY_NAMES] == [None] * len(SECURITY_NAMES)
