"""Cross-validation over participants: each is tested once, by a network that was trained and calibrated on others.

    crossvalidated.auc                      how well scores rank the windows of everybody
    crossvalidated.auc.within_participant   the mean of how well they rank each participant's own, which is what one
                                            person who uses it gets: what people differ by does not help there

A split alone tests four people of twenty, which says next to nothing. Where either interval reaches down to chance, or
the network that will serve ranked its own validation people wrongly, nobody has shown that a score means anything:
then both labels are `experimental`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from pipit.training.evaluation import Scores
from pipit.training.intervals import Estimate, bootstrap_groups
from pipit.training.kit import Kit
from pipit.training.progress import Bar, Progress
from pipit.training.roc import area_under_curve

from emotion.stress.data import prior_for, recordings_of, windows_for
from emotion.stress.network import train_network
from emotion.stress.pipeline import LEAST_SCALE, Calibration
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import Recording
from emotion.stress.scores import fit_calibration
from emotion.stress.windows import Windows, joined

CHANCE = 0.5
ALL, WITHIN = "crossvalidated.auc", "crossvalidated.auc.within_participant"
VALIDATES = 4
"""Of those who are not tested, one in so many validates: stops the training, calibrates the scores."""


@dataclass(frozen=True, slots=True)
class Round:
    """Windows of different people. What is expected of a person is learnt from those who train."""

    train: Windows
    validation: Windows
    test: Windows


def deal(recipe: StressRecipe, recordings: Sequence[Recording]) -> Iterator[Round]:
    """People, dealt by the seed: as many rounds as the recipe says, or as there are people."""
    people = sorted({recording.participant for recording in recordings})
    order = np.random.default_rng(recipe.seed).permutation(people).tolist()
    rounds = min(recipe.crossvalidation_rounds, len(order))
    for number in range(rounds):
        tested = order[number::rounds]
        rest = [person for person in order if person not in tested]
        validating = max(1, len(rest) // VALIDATES)
        prior = prior_for(recipe, recordings_of(recordings, rest[validating:]))
        sides = (rest[validating:], rest[:validating], tested)
        yield Round(*(windows_for(recipe, recordings_of(recordings, side), prior) for side in sides))


def crossvalidate(
    recipe: StressRecipe, recordings: Sequence[Recording], kit: Kit, scratch: Path, progress: Progress
) -> dict[str, Estimate]:
    """The areas above; one that can't be told is left out. scratch: a folder for what trainings leave."""
    rounds = list(deal(recipe, recordings))
    tested: list[tuple[Windows, NDArray[np.float32]]] = []
    with progress.track(f"cross-validating {recipe.network}", len(rounds)) as bar:
        for number, one in enumerate(rounds, 1):
            with TemporaryDirectory(dir=scratch) as folder:
                logs = Path(folder) / "logs"
                network, _ = train_network(recipe, one.train, one.validation, Path(folder), logs, _Silent())
            known, said = (kit.outputs(network, part.rows)[:, 0] for part in (one.validation, one.test))
            level = recipe.features.stressed_from
            tested.append((one.test, fit_calibration(known, one.validation.truth(level))(said)[:, 1]))
            bar.advance(note=f"round {number} of {len(rounds)}")
    windows = joined([part for part, _ in tested])
    return areas(recipe, windows, np.concatenate([scores for _, scores in tested]))


def areas(recipe: StressRecipe, windows: Windows, stressed: Scores) -> dict[str, Estimate]:
    """stressed: scores of windows whose people were tested, (windows,)."""
    truth, people = windows.truth(recipe.features.stressed_from), windows.participant
    found = {
        ALL: area_under_curve(truth, stressed, people, recipe.seed),
        WITHIN: area_within(truth, stressed, people, recipe.seed),
    }
    return {name: area for name, area in found.items() if area is not None}


def area_within(truth: NDArray[np.int64], scores: Scores, people: NDArray[np.object_], seed: int) -> Estimate | None:
    """Mean area of those who have windows of both labels; its interval draws them. None with fewer than two."""
    by_person = areas_by_person(truth, scores, people)
    if len(by_person) < 2:
        return None
    values = np.array(list(by_person.values()))
    low, high = bootstrap_groups(np.array(list(by_person)), lambda w: w @ values / w.sum(axis=1), seed)
    return Estimate(float(values.mean()), len(truth), low, high)


def areas_by_person(truth: NDArray[np.int64], scores: Scores, people: NDArray[np.object_]) -> dict[str, float]:
    """Of those who have windows of both labels."""
    found = {}
    for person in sorted(set(people)):
        own = people == person
        area = area_under_curve(truth[own], scores[own], people[own])
        if area is not None:
            found[str(person)] = area.value
    return found


def why_experimental(found: Mapping[str, Estimate], calibration: Calibration) -> list[str]:
    """What keeps the labels from being said, in words; nothing where they may be. found: of `crossvalidate`."""
    reasons = []
    for name, of_whom in ((ALL, "all windows"), (WITHIN, "each participant's own windows")):
        area = found.get(name)
        if area is None or area.low is None or area.high is None:
            reasons.append(f"too few people to tell how well scores rank {of_whom}")
        elif area.low <= CHANCE:
            reasons.append(
                f"on people held back, the area under the ROC curve over {of_whom} is {area.value:.3f} "
                f"({area.low:.3f} to {area.high:.3f}), which may be chance ({CHANCE:g})"
            )
    if calibration.scale <= LEAST_SCALE:
        reasons.append("the network ranked the people who validate wrongly, and gives everybody nearly one score")
    return reasons


class _Silent:
    """Epochs of a round interest nobody."""

    def track(self, description: str, total: float) -> _NoBar:
        return _NoBar()

    def say(self, message: str) -> None:
        """Nothing."""


class _NoBar:
    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_raised: object) -> None:
        """Nothing to end."""

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Nothing."""
