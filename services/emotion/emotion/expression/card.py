"""The model card of emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipit.bundle.manifest import Decision, Metric
from pipit.training.evaluation import Evaluation
from pipit.training.model_card import ModelCard, VariantRow
from pipit.training.publish import code_version
from pipit.training.run import Run

from emotion.expression.recipe import ExpressionRecipe

PACKAGES = ("torch", "lightning", "onnx", "onnxruntime")
NOT_FOR = (
    "Judging a person: at work, at school, at a border, by the police, in a bank, or for health. A face shows what a "
    "face does, not what somebody feels, means or will do; people differ, and so do cultures.",
    "Anybody who has not been asked. Tell people that it runs, what it keeps, and how to switch it off.",
)
BEGINNING = (
    "Began with MobileFaceNet's published weights, which state no licence and learnt from CASIA-WebFace, a set of "
    "pictures of public figures given out for research: think again before any commercial use."
)


def model_card(
    recipe: ExpressionRecipe,
    run: Run,
    evaluation: Evaluation,
    decision: Decision,
    metrics: Mapping[str, Metric],
    variants: Sequence[VariantRow],
    counts: Mapping[str, Mapping[str, int]],
    rule: str,
    absent: Sequence[str],
) -> ModelCard:
    """Metrics and evaluation: of the variant that serves. absent: data sets of the recipe that were not there."""
    limits = (
        f"Trained without {', '.join(absent)}: nothing was there." if absent else "",
        BEGINNING if recipe.network == "mobilefacenet" else "",
        "Labels are other people's guesses at posed and found pictures, not what the pictured felt.",
        "Nobody checked it by age, gender, skin, glasses or beards; expect it to be worse for whom the data lacks.",
        "Pictures are stills from the web; a camera in a room sees faces smaller, darker and from the side.",
        "Pictures are looked at on the device and forgotten; they leave it only where capture of hard examples is on.",
    )
    return ModelCard(
        recipe=recipe,
        purpose="Says which of seven expressions a face most looks like.",
        not_for=NOT_FOR,
        split_rule=rule,
        counts=counts,
        evaluation=evaluation,
        decision=decision,
        metrics=metrics,
        variants=variants,
        dataset_digest=run.dataset_digest,
        code_version=code_version(),
        command=f"pipit train {recipe.task} --recipe {recipe.name}",
        limits=tuple(limit for limit in limits if limit),
        packages=PACKAGES,
    )
