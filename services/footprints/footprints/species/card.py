"""The model card of species."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipit.bundle.manifest import Decision, Metric
from pipit.training.evaluation import Evaluation
from pipit.training.model_card import ModelCard, VariantRow
from pipit.training.publish import code_version
from pipit.training.run import Run

from footprints.names import name_of
from footprints.species.recipe import SpeciesRecipe
from footprints.species.sides import describe

PACKAGES = ("keras", "ai-edge-litert", "pillow")
NOT_FOR = (
    "Deciding about an animal: hunting, culling, traps or claims for damage. It is wrong often, and dogs and wolves, "
    "coyotes and foxes leave prints that people confuse too.",
    "Safety: that it names no bear does not mean that there is none.",
)


def model_card(
    recipe: SpeciesRecipe,
    run: Run,
    evaluation: Evaluation,
    decision: Decision,
    metrics: Mapping[str, Metric],
    variants: Sequence[VariantRow],
    counts: Mapping[str, Mapping[str, int]],
    absent: Sequence[str],
) -> ModelCard:
    """Metrics and evaluation: of the variant that serves. absent: data sets of the recipe that were not there."""
    named = ", ".join(_named(label) for label in evaluation.labels)
    limits = (
        f"Trained without {', '.join(absent)}: nothing was there." if absent else "",
        "No detector: it looks at the largest square in the middle of a picture." if not recipe.crops.detector else "",
        "Photographs are chosen, and show the print large and sharp; what people send is neither.",
        "It knows no track, no size and no place, by which people tell one animal from another.",
        "A species that it was not trained on is named as one that it was, unless its scores are low.",
    )
    return ModelCard(
        recipe=recipe,
        purpose=f"Says which animal left a print: {named}.",
        not_for=NOT_FOR,
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


def _named(label: str) -> str:
    name = name_of(label)
    return label if name is None else f"{label} ({name.english}, *{name.latin}*)"
