"""The trainer of a task that sorts inputs into labels: the six steps, once for all such tasks.

prepare   reads every item, names the bad ones, splits by group                    the task: `read_items`, `split_items`
fit       trains the recipe's network                                              the task: `build`
evaluate  thresholds from the validation side, the report from the test side, both of the trained network
export    every variant of the recipe
verify    every variant beside the trained network, and the metrics of the one that will serve
publish   by the library, from what `draft` gives                                  the task: `input`, `golden`, `words`

A task that has no items, recordings that windows are cut from for example, brings `prepare` itself. What a step leaves:

    prepare/items.json                                 each item with its label, its group and its side
    fit/       the network, history.json, tensorboard/
    evaluate/  decision.json, test_scores.npy, report/
    export/    <variant>.<ending>
    verify/    parity.json, metrics.json, best_scores.json, report/ with the model card
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from pipit.answers import softmax
from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference, ScoreHistogram
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import Input
from pipit.training.evaluation import Evaluation, Scores, evaluate
from pipit.training.fitting import best_epoch, history_from_json, history_to_json
from pipit.training.kit import Ask, Kit, Outputs, Rows, Trained, exported
from pipit.training.model_card import CardWords, ModelCard, VariantRow, write_model_card
from pipit.training.parity import LARGEST_DIFFERENCE, LEAST_AGREEMENT, Parity, compare, require_parity
from pipit.training.publish import code_version
from pipit.training.recipe import LabelData, Recipe
from pipit.training.report import write_report
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.sides import ITEMS_FILE, SIDES, Entry, Side
from pipit.training.source_set import Item, Listing, SourceSet, settle_problems
from pipit.training.thresholds import choose_decision, rare_labels
from pipit.training.trainer import BundleDraft, NetworkFile, VariantFile

TEST_SCORES_FILE = "test_scores.npy"
"""What the trained network says to the test side, (samples, labels); variants are held beside it."""

RecipeT = TypeVar("RecipeT", bound=Recipe)
ItemT = TypeVar("ItemT", bound=Item)

SideT = TypeVar("SideT", bound=Side)


class ClassifierTrainer(ABC, Generic[RecipeT, ItemT, SideT]):
    """See `pipit.training.trainer.Trainer`, and the module's text; of a task's own recipe, items and sides."""

    recipe_type: ClassVar[type[Recipe]]
    recipe_folder: ClassVar[Path]
    default_recipe: ClassVar[str]
    distributed: ClassVar[bool] = False
    kit: ClassVar[Kit]
    names: ClassVar[tuple[str, str]]
    """Of the network's only input and output."""
    items_are: ClassVar[str]
    """For people, as "clips"."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Whose versions the report tells; empty: the kit's."""
    shown: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1", "baseline.accuracy", "size_mb")
    """Metrics that people see first."""
    largest_difference: ClassVar[float] = LARGEST_DIFFERENCE
    least_agreement: ClassVar[float] = LEAST_AGREEMENT
    """Of variants with the trained network; see `pipit.training.parity.require_parity`."""

    def __init__(self, recipe: RecipeT, data: Path | None) -> None:
        self.recipe: RecipeT = recipe
        self.data = data
        self.sources: SourceSet[ItemT] = SourceSet(recipe, data, self._read, self.items_are)
        self._prepared = _Prepared()

    # What a task brings.

    @abstractmethod
    def read_source(self, folder: Path, source: Any) -> Listing[ItemT]:
        """Lists one data set; opens no more files than it has to. source: of the recipe."""

    def read_items(self, run: Run, items: Sequence[ItemT]) -> tuple[list[ItemT], list[str], Facts]:
        """Reads each as training will. Gives those that can be used, a line for each that can't, and facts."""
        raise NotImplementedError

    def split_items(self, run: Run, items: Sequence[ItemT]) -> tuple[list[Entry], Facts]:
        """The side of each item that has one, and facts. Raises InvalidInput."""
        raise NotImplementedError

    @abstractmethod
    def side(self, run: Run, side: str) -> SideT:
        """A side as `prepare` left it. Raises InvalidInput if a file can't be read any more."""

    @abstractmethod
    def input(self, run: Run) -> InputDescription:
        """What a row of the network's input is."""

    @abstractmethod
    def parameters(self, run: Run) -> Mapping[str, Any]:
        """Of the pipeline, of JSON's types."""

    @abstractmethod
    def golden(self, run: Run) -> Sequence[Input]:
        """Raw inputs that a program made: recordings and photographs are not ours to pass on."""

    @abstractmethod
    def words(self, run: Run, evaluation: Evaluation) -> CardWords:
        """What the model card says of this task alone."""

    @abstractmethod
    def split_rule(self) -> str:
        """In words that let somebody repeat it."""

    # What a task may bring.

    def read_labelled(self, folder: Path, source: LabelData) -> Listing[ItemT]:
        """Lists a data set of people's labels: `<class>/<file>`, and groups in `recordings.csv`.

        Raises InvalidInput for a task that can't learn of them.
        """
        raise no_labels_for(self.recipe.task)

    def labels(self, run: Run) -> tuple[str, ...]:
        """In the order of the bundle's: every label that a prepared item has, sorted."""
        return tuple(sorted({str(entry["label"]) for side in SIDES for entry in self.entries(run, side)}))

    def weights_files(self) -> Mapping[str, Path]:
        """Weights that a network begins with; they count as data. Raises NotFound."""
        return {}

    def build(self, run: Run) -> Any:
        """The network before its training, for `fit_network` as it stands here and for kits that keep weights alone."""
        raise NotImplementedError

    def fit_network(self, run: Run, scratch: Path, logs: Path) -> Trained:
        """Trains what `build` gives on the rows of the training side as they are; see `Kit.fit`.

        A task whose rows are varied, or that begins with weights, trains by itself. It goes on from what an interrupted
        call left in `scratch`. logs: TensorBoard's.
        """
        train, validation = self.side(run, "train"), self.side(run, "validation")
        return self.kit.fit(
            lambda: self.build(run),
            self.recipe,
            (train.rows, train.truth),
            (validation.rows, validation.truth),
            scratch,
            logs,
            run.progress,
        )

    def settle_scores(self, run: Run, outputs: Outputs, validation: SideT) -> None:
        """Called in `evaluate` before scores are made: leaves what `scores` needs. outputs: of the validation side."""

    def scores(self, run: Run, outputs: Outputs) -> Scores:
        """From the network's outputs to scores of labels, (n, labels)."""
        return softmax(outputs)

    def background(self, run: Run) -> str | None:
        """The label on which no other should be detected."""
        return None

    def groups(self, run: Run) -> Mapping[str, tuple[str, ...]]:
        """Labels that belong together, by a name that is no label; see `pipit.answers`."""
        return {}

    def input_of(self, item: ItemT) -> Input:
        """An item as a caller would send it. Raises InvalidInput for one that can't be read, or of a task without."""
        raise InvalidInput(f"{self.recipe.task} does not say what a caller would send of its {self.items_are}")

    def label_of(self, run: Run, entry: Mapping[str, Any]) -> str:
        """The label of a prepared item; of a task whose items have finer categories, the one that stands for them."""
        return str(entry["label"])

    def experimental(self, run: Run, validation: SideT, scores: Scores) -> tuple[str, ...]:
        """Labels of which too little is known to say them; see `pipit.answers`. scores: of the validation side.

        Those that the recipe's `thresholds.experimental_under` means; a task that knows of more adds its own.
        """
        least = self.recipe.thresholds.experimental_under
        if not least:
            return ()
        groups = ((self.label_of(run, entry), str(entry["group"])) for entry in self.entries(run, "train"))
        return rare_labels(self.labels(run), groups, least, self.background(run))

    def choose_decision(self, run: Run, validation: SideT, scores: Scores) -> Decision:
        """How scores become answers, by the recipe's `thresholds`. scores: of the validation side."""
        return choose_decision(
            self.labels(run),
            validation.truth,
            scores,
            self.recipe.thresholds,
            self.background(run),
            experimental=self.experimental(run, validation, scores),
            groups=self.groups(run),
            recordings=validation.groups,
        )

    def measure(self, run: Run, scores: Scores, side: SideT, decision: Decision) -> Evaluation:
        """scores: (n, labels)."""
        return evaluate(self.labels(run), side.truth, scores, side.groups, seed=self.recipe.seed)

    def further_metrics(
        self, run: Run, evaluation: Evaluation, scores: Scores, test: SideT, decision: Decision, ask: Ask
    ) -> Mapping[str, Metric]:
        """What `measure` does not. ask: gives the network's outputs for further rows."""
        return {}

    def variant_metrics(self, parity: Mapping[str, Parity], sizes: Mapping[str, int]) -> Mapping[str, Metric]:
        """Of the variants beside each other. parity, sizes in bytes: by variant."""
        losses = {f"{name}_loss_points": Metric(value=p.loss, samples=p.samples) for name, p in parity.items()}
        return {**losses, "size_mb": Metric(value=sizes[self.recipe.export.default_variant] / 1e6, samples=0)}

    def calibration(self, run: Run) -> Rows | None:
        """Training rows that set the ranges of 8 bits, drawn with the seed."""
        rows = self.side(run, "train").rows
        chosen = np.random.default_rng(self.recipe.seed).permutation(len(rows))
        return np.asarray(rows[chosen[: self.recipe.export.calibration_samples]])

    def before_export(self, network: Any, calibration: Rows | None) -> None:
        """Changes a network that is about to be exported."""

    def after_verify(self, run: Run, scores: Scores, test: SideT) -> None:
        """Leaves further files in `verify`. scores: of the variant that will serve."""

    def counts(self, run: Run) -> dict[str, dict[str, int]]:
        """Samples by side, then by label, for the model card."""
        return {side: dict(Counter(entry["label"] for entry in self.entries(run, side))) for side in SIDES}

    def networks(self) -> Mapping[str, NetworkFile]:
        """Networks that the pipeline runs before this one, by the names that it knows."""
        return {}

    def files(self, run: Run) -> Mapping[str, Path]:
        """Further files of the bundle beside the report, by their path in it."""
        return {}

    def base_bundle(self, run: Run) -> str | None:
        """Digest of the bundle that the training went on from, if it did."""
        return None

    # The six steps.

    def data_files(self) -> Mapping[str, Path]:
        """See `Trainer`."""
        # Data before weights: who has neither is to hear of the data first, which can be made without any.
        files = self.sources.files()
        return {**files, **self.weights_files()}

    def prepare(self, run: Run) -> Facts:
        """Leaves `items.json`. Raises InvalidInput."""
        self.sources.tell(run.progress)
        items = self.sources.items()
        if not items and not self.sources.problems():
            raise InvalidInput(f"the data holds no {self.items_are}; look at the folders that the recipe names")
        usable, unusable, facts = self.read_items(run, items)
        problems = [*self.sources.problems(), *unusable]
        settle_problems(run, problems)
        entries, found = self.split_items(run, usable)
        counts = {side: sum(entry.side == side for entry in entries) for side in SIDES}
        if not all(counts.values()):
            raise InvalidInput(f"too few {self.items_are} can be used: {counts}; add some, or look at the split")
        kept = [
            {"name": e.name, "label": e.label, "group": e.group, "side": e.side, **e.extra}
            for side in SIDES
            for e in entries
            if e.side == side
        ]
        run.write_json("prepare", ITEMS_FILE, kept)
        return {**counts, **facts, **found, "bad_files": len(problems)}

    def fit(self, run: Run) -> Facts:
        """Leaves the network, `history.json` and TensorBoard's logs."""
        output = run.output("fit")
        trained = self.fit_network(run, run.scratch("fit"), output / "tensorboard")
        self.kit.save(trained.network, output)
        history, best = trained.fitted.history, trained.fitted.best_epoch
        run.write_json("fit", "history.json", history_to_json(history))
        at_best = {name: values[best] for name, values in history_to_json(history).items()}
        return {"epochs": len(history["val_loss"]), "best_epoch": best + 1, **at_best, **trained.facts}

    def evaluate(self, run: Run) -> Facts:
        """Leaves `decision.json`, and the trained network's scores of the test side and its report."""
        ask = self._trained(run)
        validation = self.side(run, "validation")
        outputs = ask(validation.rows)
        self.settle_scores(run, outputs, validation)
        validation_scores = self.scores(run, outputs)
        decision = self.choose_decision(run, validation, validation_scores)
        run.write_json("evaluate", "decision.json", decision.model_dump(mode="json"))
        test = self.side(run, "test")
        scores = self.scores(run, ask(test.rows))
        np.save(run.output("evaluate") / TEST_SCORES_FILE, scores)
        evaluation = self.measure(run, scores, test, decision)
        self._report(run, "evaluate", evaluation, scores, test, decision)
        metrics = {**evaluation.metrics(), **self.further_metrics(run, evaluation, scores, test, decision, ask)}
        return {name: metrics[name].value for name in self.shown if name in metrics}

    def export(self, run: Run) -> Facts:
        """Leaves a file for each variant."""
        network, calibration = self._load(run), self.calibration(run)
        self.before_export(network, calibration)
        rows = self.side(run, "test").rows if calibration is None else calibration
        files = {variant: self.variant_file(run, variant) for variant in self.recipe.export.variants}
        self.kit.export(network, files, self.names, rows, calibration)
        return {f"{variant}_bytes": path.stat().st_size for variant, path in files.items()}

    def verify(self, run: Run) -> Facts:
        """Leaves `parity.json`, and the report, metrics and model card of the variant that will serve."""
        test, decision = self.side(run, "test"), self.decision(run)
        trained = self._trained_scores(run)
        scores = {variant: self._exported(run, variant, test) for variant in self.recipe.export.variants}
        parity = {variant: compare(trained, found, test.truth) for variant, found in scores.items()}
        run.write_json("verify", "parity.json", {variant: found.to_json() for variant, found in parity.items()})
        require_parity(parity, self.largest_difference, self.least_agreement)
        default = self.recipe.export.default_variant
        evaluation = self.measure(run, scores[default], test, decision)
        with exported(self.variant_file(run, default), self.kit.runtime, self.names) as ask:
            further = self.further_metrics(run, evaluation, scores[default], test, decision, ask)
        sizes = {variant: self.variant_file(run, variant).stat().st_size for variant in scores}
        metrics = {**evaluation.metrics(), **further, **self.variant_metrics(parity, sizes)}
        run.write_json("verify", "best_scores.json", score_histogram(scores[default]).model_dump(mode="json"))
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("verify", "metrics.json", kept)
        self.after_verify(run, scores[default], test)
        self._report(run, "verify", evaluation, scores[default], test, decision)
        self._card(run, evaluation, metrics, [VariantRow(v, sizes[v], parity[v]) for v in sizes])
        return {name: metric.value for name, metric in metrics.items() if name in self.shown or "_loss_" in name}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`."""
        metrics = run.read_json("verify", "metrics.json")
        report = sorted((run.output("verify") / "report").iterdir())
        return BundleDraft(
            labels=self.labels(run),
            input=self.input(run),
            pipeline=PipelineReference(name=self.recipe.task, parameters=dict(self.parameters(run))),
            variants=tuple(
                VariantFile(variant, self.kit.runtime, self.variant_file(run, variant))
                for variant in self.recipe.export.variants
            ),
            decision=self.decision(run),
            metrics={name: Metric.model_validate(value) for name, value in metrics.items()},
            golden=self.golden(run),
            best_scores=ScoreHistogram.model_validate(run.read_json("verify", "best_scores.json")),
            split_rule=self.split_rule(),
            files={**self.files(run), **{f"report/{path.name}": path for path in report}},
            networks=self.networks(),
            base_bundle=self.base_bundle(run),
        )

    # What steps left.

    def entries(self, run: Run, side: str) -> list[dict[str, Any]]:
        """The prepared items of a side, in their order."""
        return self._prepared.entries(run, side)

    def items(self, run: Run, side: str) -> list[ItemT]:
        """The same as items."""
        by_name = self.sources.by_name()
        return [by_name[entry["name"]] for entry in self.entries(run, side)]

    def decision(self, run: Run) -> Decision:
        """As `evaluate` left it."""
        return Decision.model_validate(run.read_json("evaluate", "decision.json"))

    def variant_file(self, run: Run, variant: str) -> Path:
        """As `export` left it."""
        return run.output("export") / f"{variant}{self.kit.ending}"

    def _read(self, folder: Path, source: Any) -> Listing[ItemT]:
        return self.read_labelled(folder, source) if isinstance(source, LabelData) else self.read_source(folder, source)

    def _load(self, run: Run) -> Any:
        return self.kit.load(run.output("fit"), lambda: self.build(run))

    def _trained(self, run: Run) -> Ask:
        network = self._load(run)
        return lambda rows: self.kit.outputs(network, rows)

    def _trained_scores(self, run: Run) -> Scores:
        path = run.output("evaluate") / TEST_SCORES_FILE
        try:
            scores: Scores = np.load(path, allow_pickle=False)
        except FileNotFoundError as error:
            raise NotFound(f"{path} is not there; run the step 'evaluate' again (--force evaluate)") from error
        return scores

    def _exported(self, run: Run, variant: str, side: SideT) -> Scores:
        with exported(self.variant_file(run, variant), self.kit.runtime, self.names) as ask:
            return self.scores(run, ask(side.rows))

    def _report(
        self, run: Run, step: str, evaluation: Evaluation, scores: Scores, side: SideT, decision: Decision
    ) -> None:
        history = history_from_json(run.read_json("fit", "history.json"))
        write_report(
            run.output(step) / "report",
            evaluation,
            side.truth,
            scores,
            decision,
            history=history,
            best_epoch=best_epoch(history["val_loss"]),
            packages=self.packages or self.kit.packages,
        )

    def _card(
        self, run: Run, evaluation: Evaluation, metrics: Mapping[str, Metric], variants: Sequence[VariantRow]
    ) -> None:
        words, absent = self.words(run, evaluation), self.sources.absent()
        missing = (f"Trained without {', '.join(absent)}: nothing was there.",) if absent else ()
        card = ModelCard(
            recipe=self.recipe,
            purpose=words.purpose,
            not_for=words.not_for,
            split_rule=self.split_rule(),
            counts=self.counts(run),
            evaluation=evaluation,
            decision=self.decision(run),
            metrics=metrics,
            variants=variants,
            dataset_digest=run.dataset_digest,
            code_version=code_version(),
            command=" ".join(
                [
                    f"pipit train {self.recipe.task} --recipe {self.recipe.name}",
                    *(f"--additional-data {source.path}" for source in self.recipe.additional_data),
                ]
            ),
            limits=(*missing, *words.limits),
            packages=self.packages or self.kit.packages,
        )
        write_model_card(run.output("verify") / "report" / "model_card.md", card)


class _Prepared:
    """What `items.json` holds, read anew when it is another file: each of thousands of answers asks for it."""

    def __init__(self) -> None:
        self._file: tuple[Path, int, int] | None = None
        self._sides: dict[str, list[dict[str, Any]]] = {}

    def entries(self, run: Run, side: str) -> list[dict[str, Any]]:
        """Raises NotFound before `prepare` was run."""
        path = run.folder / "prepare" / ITEMS_FILE
        # A step writes it as a new file, and never into it.
        found = path.stat() if path.exists() else None
        file = None if found is None else (path, found.st_ino, found.st_mtime_ns)
        if file is None or file != self._file:
            kept = run.read_json("prepare", ITEMS_FILE)
            self._sides = {name: [entry for entry in kept if entry["side"] == name] for name in SIDES}
            self._file = file
        return [*self._sides[side]]


def no_labels_for(task: str) -> InvalidInput:
    """What to raise where a task can't be trained on labels://."""
    return InvalidInput(
        f"{task} can't be trained on labels:// yet; tasks of sounds and of pictures can. Export the set "
        f"(pipit label export {task} …), and name its folder in a recipe"
    )
