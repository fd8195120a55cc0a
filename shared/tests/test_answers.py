from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pipit.answers import NOTHING, decide, nothing_measured, predict, softmax
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.types import Box, LabelScore, said


@given(arrays(np.float32, (3, 4), elements=st.floats(-500, 500, width=32)))
def test_softmax_gives_a_distribution_in_the_order_of_the_logits(logits: np.ndarray) -> None:
    scores = softmax(logits)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)
    assert (scores >= 0).all()
    np.testing.assert_array_equal(
        scores.max(axis=1), np.take_along_axis(scores, logits.argmax(axis=1)[:, None], axis=1)[:, 0]
    )


def test_labels_come_best_first_with_their_own_thresholds() -> None:
    decision = Decision(thresholds={"a": 0.3, "b": 0.6})
    answer = predict(np.array([0.35, 0.55, 0.1], np.float32), ("a", "b", "c"), decision, Box(1, 2, 3, 4))
    assert [(score.label, score.detected) for score in answer.scores] == [("b", False), ("a", True), ("c", False)]
    assert [score.score for score in answer.scores] == pytest.approx([0.55, 0.35, 0.1])
    assert answer.region == Box(1, 2, 3, 4)
    assert (answer.unknown, answer.uncertain) == (False, False)


def test_a_label_without_a_threshold_is_detected_from_a_half() -> None:
    answer = predict(np.array([0.5, 0.49], np.float32), ("a", "b"), Decision())
    assert [score.detected for score in answer.scores] == [True, False]


def test_low_scores_are_unknown_and_close_ones_uncertain() -> None:
    decision = Decision(unknown_below=0.6, uncertain_margin=0.2)
    answer = predict(np.array([0.55, 0.45], np.float32), ("a", "b"), decision)
    assert (answer.unknown, answer.uncertain) == (False, True)  # "a" is detected.
    low = predict(np.array([0.48, 0.47], np.float32), ("a", "b"), decision)
    assert (low.unknown, low.uncertain, low.label) == (True, True, "")
    sure = predict(np.array([0.95, 0.05], np.float32), ("a", "b"), decision)
    assert (sure.unknown, sure.uncertain) == (False, False)


def test_a_single_label_has_no_rival() -> None:
    assert not predict(np.array([0.4], np.float32), ("a",), Decision(uncertain_margin=0.3)).uncertain


def test_what_is_no_number_is_no_answer() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(InvalidInput, match="no finite scores"):
            predict(np.array([bad, 0.5], np.float32), ("a", "b"), Decision())


LABELS = ("none", "glass", "siren")


def said_of(scores: list[float], **decision: Any) -> tuple[str, list[str], bool]:
    answer = predict(np.array(scores, np.float32), LABELS, Decision(**decision))
    return answer.label, [score.label for score in answer.scores if score.detected], answer.unknown


@pytest.mark.parametrize(
    ("scores", "decision", "expected"),
    [
        # With a background: the best of what is detected, whatever the background's score.
        ([0.55, 0.25, 0.2], {"background": "none", "thresholds": {"glass": 0.2}}, ("glass", ["glass"], False)),
        (
            [0.1, 0.4, 0.5],
            {"background": "none", "thresholds": {"glass": 0.3, "siren": 0.6}},
            ("glass", ["glass"], False),
        ),
        ([0.2, 0.3, 0.5], {"background": "none", "thresholds": {"glass": 0.3}}, ("siren", ["siren", "glass"], False)),
        ([0.1, 0.45, 0.45], {"background": "none"}, ("none", [], False)),
        ([0.9, 0.05, 0.05], {"background": "none"}, ("none", [], False)),
        # Unknown only where nothing is detected; then the background is not said either.
        ([0.5, 0.3, 0.2], {"background": "none", "unknown_below": 0.6}, ("", [], True)),
        (
            [0.5, 0.3, 0.2],
            {"background": "none", "unknown_below": 0.6, "thresholds": {"siren": 0.2}},
            ("siren", ["siren"], False),
        ),
        # Without a background: the best label, detected or not.
        ([0.4, 0.35, 0.25], {}, ("none", [], False)),
        ([0.7, 0.2, 0.1], {}, ("none", ["none"], False)),
        ([0.4, 0.35, 0.25], {"unknown_below": 0.45}, ("", [], True)),
        # Experimental: neither detected nor said.
        ([0.1, 0.8, 0.1], {"background": "none", "experimental": ("glass",)}, ("none", [], False)),
        ([0.1, 0.8, 0.1], {"experimental": ("glass",)}, ("", [], False)),
        ([0.3, 0.6, 0.1], {"experimental": ("glass",), "thresholds": {"none": 0.3}}, ("none", ["none"], False)),
        # Where nothing was proven, no label describes the input, however high its score.
        ([0.0, 1.0, 0.0], {"experimental": LABELS}, ("", [], True)),
    ],
)
def test_what_an_answer_says(
    scores: list[float], decision: dict[str, Any], expected: tuple[str, list[str], bool]
) -> None:
    assert said_of(scores, **decision) == expected


@given(
    arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32)),
    st.dictionaries(st.sampled_from(LABELS), st.floats(0, 1)),
    st.sampled_from([None, "none"]),
    st.sets(st.sampled_from(("glass", "siren"))),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_answers_never_contradict_themselves(
    scores: np.ndarray,
    thresholds: dict[str, float],
    background: str | None,
    experimental: set[str],
    unknown: float,
    margin: float,
) -> None:
    decision = Decision(
        thresholds=thresholds,
        background=background,
        experimental=tuple(experimental),
        unknown_below=unknown,
        uncertain_margin=margin,
    )
    decided = decide(scores, LABELS, decision)
    for row, values in enumerate(scores):
        answer = predict(values, LABELS, decision)
        detected = {score.label: score.score for score in answer.scores if score.detected}
        assert not detected.keys() & {background, *experimental}
        assert {score.label for score in answer.scores if score.experimental} == experimental
        assert not (answer.unknown and (detected or answer.label))
        assert answer.label not in experimental
        if detected:
            assert detected[answer.label] == max(detected.values())
        elif background is not None and not answer.unknown:
            assert answer.label == background
        assert [LABELS[i] for i in np.flatnonzero(decided.detected[row])] == sorted(detected, key=LABELS.index)
        assert (decided.unknown[row], decided.uncertain[row]) == (answer.unknown, answer.uncertain)
        assert answer.label == ("" if decided.label[row] == NOTHING else LABELS[decided.label[row]])


def test_what_an_input_of_several_parts_says() -> None:
    decision = Decision(background="none", unknown_below=0.4)
    loud, faint, quiet, odd = (
        predict(np.array(scores, np.float32), LABELS, decision)
        for scores in ([0.1, 0.9, 0.0], [0.4, 0.0, 0.6], [1.0, 0.0, 0.0], [0.34, 0.33, 0.33])
    )
    assert said([quiet, faint, loud, odd]) == LabelScore("glass", pytest.approx(0.9), detected=True)
    assert said([odd, quiet]) == LabelScore("none", 1.0)
    assert said([odd]) is None
    assert said([]) is None


def test_nothing_measured_says_nothing() -> None:
    answer = nothing_measured(predict(np.array([0.1, 0.9, 0.0], np.float32), LABELS, Decision()))
    assert (answer.label, answer.unknown, answer.answer) == ("", True, None)
    assert [(score.label, score.detected) for score in answer.scores] == [
        ("glass", False),
        ("none", False),
        ("siren", False),
    ]


SPECIES = ("cat", "dog", "rat", "wolf")
FAMILIES = Decision(
    groups={"canid": ("dog", "wolf"), "pests": ("cat", "rat")},
    thresholds={"canid": 0.6, "pests": 0.55, **dict.fromkeys(SPECIES, 0.7)},
    unknown_below=0.5,
)


@pytest.mark.parametrize(
    ("scores", "label", "unknown"),
    [
        # A label that can be said is said, however sure its group is.
        ((0.0, 0.55, 0.0, 0.45), "dog", False),
        # None is sure; the group is.
        ((0.1, 0.35, 0.15, 0.4), "canid", False),
        ((0.3, 0.2, 0.3, 0.2), "pests", False),
        ((0.25, 0.25, 0.25, 0.25), "", True),
    ],
)
def test_where_no_label_is_sure_a_group_of_them_may_be(scores: tuple[float, ...], label: str, unknown: bool) -> None:
    answer = predict(np.array(scores, np.float32), SPECIES, FAMILIES)
    assert (answer.label, answer.unknown) == (label, unknown)
    by_label = {one.label: one for one in answer.scores}
    assert by_label["canid"].score == pytest.approx(scores[1] + scores[3])
    assert by_label["canid"].detected == (scores[1] + scores[3] >= 0.6)
    assert [one.score for one in answer.scores] == sorted((one.score for one in answer.scores), reverse=True)
    decided = decide(np.array([scores], np.float32), SPECIES, FAMILIES)
    assert ((*SPECIES, *FAMILIES.groups, "")[decided.label[0]], bool(decided.unknown[0])) == (label, unknown)
    assert decided.detected.shape == (1, 4)
