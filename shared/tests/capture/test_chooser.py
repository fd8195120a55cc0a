"""What is chosen: the uniform draw looks at nothing, the band at scores, and their rates are those of the consent."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.capture.chooser import Chooser, best_scores
from pipit.examples import Consent, Reason
from pipit.types import LabelScore, Prediction

shares = st.floats(0.0, 1.0)
scores = st.lists(shares, max_size=5)


@given(shares, shares, scores, st.integers())
def test_the_fair_sample_does_not_hang_on_what_the_model_said(
    random_rate: float, rate: float, said: list[float], seed: int
) -> None:
    def is_random(values: list[float]) -> bool:
        consent = Consent("pi-1", "a.b", "", rate=rate, random_rate=random_rate)
        return Chooser(consent, random.Random(seed)).choose(values) is Reason.RANDOM

    assert is_random(said) == is_random([]) == is_random([0.5])


@given(shares, shares, scores, st.integers())
def test_only_what_lies_in_the_band_is_uncertain(low: float, high: float, said: list[float], seed: int) -> None:
    consent = Consent("pi-1", "a.b", "", low=low, high=high, rate=1.0, random_rate=0.0)
    chosen = Chooser(consent, random.Random(seed)).choose(said)
    assert chosen == (Reason.UNCERTAIN if any(low <= score <= high for score in said) else None)


@given(scores, st.integers())
def test_rates_of_zero_keep_nothing_and_of_one_everything(said: list[float], seed: int) -> None:
    nothing = Consent("pi-1", "a.b", "", low=0.0, high=1.0, rate=0.0, random_rate=0.0)
    assert Chooser(nothing, random.Random(seed)).choose(said) is None
    everything = Consent("pi-1", "a.b", "", rate=0.0, random_rate=1.0)
    assert Chooser(everything, random.Random(seed)).choose(said) is Reason.RANDOM


@pytest.mark.parametrize(("said", "uncertain"), [([0.9], 0.0), ([0.9, 0.5], 0.095)])
def test_as_many_are_chosen_as_the_consent_says(said: list[float], uncertain: float) -> None:
    chooser, asked = Chooser(Consent("pi-1", "a.b", "", rate=0.1, random_rate=0.05), random.Random(7)), 20_000
    chosen = [chooser.choose(said) for _ in range(asked)]
    for reason, share in ((Reason.RANDOM, 0.05), (Reason.UNCERTAIN, uncertain)):
        deviation = math.sqrt(share * (1 - share) / asked)
        assert abs(chosen.count(reason) / asked - share) <= 4 * deviation


def test_the_best_score_of_each_part_counts() -> None:
    first = Prediction((LabelScore("a", 0.7), LabelScore("b", 0.3)))
    assert best_scores([first, Prediction(()), Prediction((LabelScore("b", 0.4),))]) == [0.7, 0.4]
