"""The model card of sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipit.bundle.manifest import Decision, Metric
from pipit.training.evaluation import Evaluation
from pipit.training.model_card import ModelCard, VariantRow
from pipit.training.publish import code_version
from pipit.training.run import Run

from home_security.sounds.classes import Labels
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.sides import describe

PACKAGES = ("keras", "librosa", "ai-edge-litert")


def model_card(
    recipe: SoundsRecipe,
    labels: Labels,
    run: Run,
    evaluation: Evaluation,
    decision: Decision,
    metrics: Mapping[str, Metric],
    variants: Sequence[VariantRow],
    counts: Mapping[str, Mapping[str, int]],
    absent: Sequence[str],
) -> ModelCard:
    """Metrics and evaluation: of the variant that serves. absent: data sets of the recipe that were not there."""
    limits = (
        f"No clips of {', '.join(labels.missing)}: it does not know them." if labels.missing else "",
        f"Trained without {', '.join(absent)}: nothing was there." if absent else "",
        "Clips are chosen, mostly clean and from microphones that nobody knows; a house is noisier and quieter.",
        "False alarms are counted on short clips of background, minutes in all; a house sounds for hours.",
        "Only the first window of a clip is heard.",
    )
    return ModelCard(
        recipe=recipe,
        purpose=f"Tells which of {', '.join(labels.alarms)} is heard in {recipe.features.window_seconds:g} s of sound.",
        not_for=(
            "Anything on which a life depends: it misses sounds, and there is no certificate for it.",
            "Listening to what people say.",
        ),
        split_rule=describe(recipe.split, recipe.seed),
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
