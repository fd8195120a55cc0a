"""What a student of cries learns from: recordings with labels and without, and its teacher's answers to all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES
from pipit.training.torch_data import Samples

from baby_monitor.cry.distillation import joined, labels_of, taught
from baby_monitor.cry.labels import CRY
from baby_monitor.cry.network import log_shares
from baby_monitor.cry.reading import baby_of
from baby_monitor.cry.sounds import CrySounds
from baby_monitor.cry.stream import INPUT
from baby_monitor.cry.teacher import babies_on, find_teacher


def taught_sides(student: CrySounds, run: Run) -> tuple[Samples, Samples, Facts]:
    """What trains and what validates, with targets as `distillation` has them, and facts for people.

    On the training side are cries of no known reason too, without those of babies that validate or test. Raises what
    `find_teacher` and `Teacher.require_fit` raise.
    """
    recipe, make = student.recipe, type(student)
    entries: list[dict[str, Any]] = [entry for side in SIDES for entry in student.entries(run, side)]
    teacher = find_teacher(recipe, student.recipe_folder, lambda other: make(other, student.data), run)
    teacher.require_fit(recipe, entries)
    train, validation = student.labelled(run)
    # The same sounds as the teacher hears them.
    listener = make(teacher.listens_as(recipe), student.data)
    heard, held_out = listener.labelled(run)
    babies = babies_on(entries, ("validation", "test"))
    unknown = [c for c in student.sources.items() if c.category == CRY and baby_of(c.recording) not in babies]
    if unknown:
        train = joined(train, student.unlabelled(run, unknown))
        heard = joined(heard, listener.unlabelled(run, unknown))
    # What either loss makes up for is in no logits: the teacher's become those that the student's would be.
    shares = log_shares(labels_of(train.targets), len(student.reasons(run)))
    less = np.float32(teacher.recipe.network_options.prior - recipe.network_options.prior) * shares
    sides = [
        replace(own, targets=taught(own.targets, teacher.answers(theirs.inputs[INPUT], run) + less))
        for own, theirs in ((train, heard), (validation, held_out))
    ]
    return sides[0], sides[1], {"teacher": teacher.folder.name, "unlabelled": len(unknown)}
