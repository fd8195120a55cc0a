"""Footprints in the stack: a server with one task that was promoted and one that was not, asked with pictures.

Trained in the environment of these tests on DRAWN prints: what is answered here means nothing for photographs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footprints.species.synthetic import ANIMALS, draw_print, encoded

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]

SPECIES, DETECTOR = "footprints.species", "footprints.detector"
PORT = "PIPIT_FOOTPRINTS_PORT"


@pytest.fixture(scope="module")
def trained(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Species are named; the digest that does it."""
    stack.train_elsewhere(SPECIES, tmp_path_factory.mktemp("footprints"))
    with stack.registry() as registry:
        (version,) = registry.list_versions(SPECIES).versions
    stack.wait(lambda: stack.serving(PORT, SPECIES) == version.digest, f"{SPECIES} is taken up")
    return str(version.digest)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """Three of each animal, which no training saw."""
    folder = tmp_path_factory.mktemp("pictures")
    found = {}
    for position, animal in enumerate(sorted(ANIMALS)):
        for number in range(3):
            path = folder / f"{animal}-{number}.jpg"
            path.write_bytes(encoded(draw_print(animal, np.random.default_rng([99, position, number]))))
            found[path] = animal
    return found


def test_the_task_that_was_promoted_answers_and_the_other_waits(stack: Any, trained: str) -> None:
    stack.wait(lambda: stack.says(PORT, SPECIES) == "SERVING", "its health says so")
    assert [stack.says(PORT, service) for service in (DETECTOR, "")] == ["NOT_SERVING"] * 2
    assert stack.health("footprints") == "healthy"
    assert stack.inspect("footprints")["RestartCount"] == 0


def test_names_pictures_that_it_never_saw(stack: Any, trained: str, pictures: dict[Path, str]) -> None:
    with stack.server(PORT, SPECIES) as server:
        answers = {path: server.classify(path) for path in pictures}
    assert {answer.model.digest for answer in answers.values()} == {trained}
    best = {path: answer.predictions[0].scores[0].label for path, answer in answers.items()}
    assert sum(best[path] == animal for path, animal in pictures.items()) >= 0.8 * len(pictures)


def test_make_classify_gives_the_servers_answer(stack: Any, trained: str, pictures: dict[Path, str]) -> None:
    path = next(iter(pictures))
    with stack.server(PORT, SPECIES) as server:
        expected = server.classify(path).predictions[0].scores[0]
    (result,) = json.loads(stack.make("classify", f"FILE={path}", f"TASK={SPECIES}", "ARGS=--json").stdout)
    score = result["predictions"][0]["scores"][0]
    assert (score["label"], score["score"]) == (expected.label, pytest.approx(expected.score, abs=1e-6))
