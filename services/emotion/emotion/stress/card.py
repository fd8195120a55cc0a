"""The model card of stress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipit.bundle.manifest import Decision, Metric
from pipit.training.evaluation import Evaluation
from pipit.training.model_card import ModelCard, VariantRow
from pipit.training.publish import code_version
from pipit.training.run import Run

from emotion.stress.recipe import StressRecipe
from emotion.stress.signals import LANDMARKS

PACKAGES = ("torch", "lightning", "onnx", "onnxruntime")
NOT_FOR = (
    "Judging a person: at work, at school, in an interview, for insurance or for health. It is no medical device.",
    "Anybody who has not agreed to it, who can't see its answers, or who can't switch it off.",
)
OF_PHYSIOLOGY = (
    "Calm and stressed are the conditions of an office study, in which everybody was neutral first and stressed later. "
    "Whatever drifts over hours looks like stress there; compare with `reference.clock`, which knows the time alone.",
    "A body that moves, drinks coffee or is warm looks the same as one that is stressed.",
)
OF_LANDMARKS = (
    "Learnt from what a few people said of themselves; it knows their faces under strain, not faces.",
    "A face shows what a face does. Speaking, reading, squinting and pain move the same points.",
    "Pictures are looked at on the device and forgotten; they leave it only where capture of hard examples is on.",
)


def model_card(
    recipe: StressRecipe,
    run: Run,
    evaluation: Evaluation,
    decision: Decision,
    metrics: Mapping[str, Metric],
    variants: Sequence[VariantRow],
    counts: Mapping[str, Mapping[str, int]],
    participants: Mapping[str, int],
) -> ModelCard:
    """Metrics and evaluation: of the variant that serves. participants: how many are on each side."""
    features = recipe.features
    people = ", ".join(f"{count} {side}" for side, count in participants.items())
    return ModelCard(
        recipe=recipe,
        purpose=(
            f"Scores stress from 0 to 1 over {features.window} steps of {features.step_seconds:g} s "
            f"of {recipe.signals.name}. The score is what share of such windows belonged to a stressful condition."
        ),
        not_for=NOT_FOR,
        split_rule=describe(recipe),
        counts=counts,
        evaluation=evaluation,
        decision=decision,
        metrics=metrics,
        variants=variants,
        dataset_digest=run.dataset_digest,
        code_version=code_version(),
        command=f"pipit train {recipe.task} --recipe {recipe.name}",
        limits=(
            f"Participants: {people}. Windows of one person are alike; the intervals of accuracy and AUC draw people.",
            *(OF_LANDMARKS if recipe.signals is LANDMARKS else OF_PHYSIOLOGY),
            "What one person calls stress another calls a good day.",
        ),
        packages=PACKAGES,
    )


def describe(recipe: StressRecipe) -> str:
    """The rule of the split in words that let somebody repeat it."""
    split = recipe.split
    if split.rule == "fold":
        tests, validates = ", ".join(split.test_folds), ", ".join(split.validation_folds)
        return f"participants {tests} test, {validates} validate, others train"
    return (
        f"participants drawn with seed {recipe.seed}, stratified by label: "
        f"{split.test_share:.0%} test, {split.validation_share:.0%} validate, others train"
    )
