"""The trainer of `home_security.faces`: the six steps of `pipit.training.steps`.

prepare   lists pictures of people; names every bad one; leaves out twins; says who does what
fit       finds and embeds every face; fits the guide's classifiers for the people who are to be known
evaluate  chooses limits by some strangers, and measures naming on others; report and model card
export    the embedder as ONNX
verify    the exported embedder beside the vectors that were measured
draft     what goes into the bundle: networks, limits, a cohort of strangers; nobody who is to be known
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from pipit.bundle.manifest import Decision, InputDescription, Metric, Network, PipelineReference, ScoreHistogram
from pipit.errors import IntegrityError, InvalidInput
from pipit.faces.embedding import EmbedderSettings
from pipit.faces.finder import FaceFinder
from pipit.faces.operating import operating_points_of
from pipit.files import sha256_file
from pipit.landmark_networks import FOLDER
from pipit.landmarks.networks import FAR_NETWORKS, RUNTIME, network_paths
from pipit.pipelines.networks import open_networks
from pipit.runtimes import load_runtime
from pipit.training.cache import ArrayCache
from pipit.training.intervals import Estimate, grouped_share
from pipit.training.native_lines import without_chatter
from pipit.training.recipe import recipe_folder
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.source_set import settle_problems
from pipit.training.trainer import BundleDraft, NetworkFile, VariantFile

from home_security.faces.data import (
    CROWD,
    ENROL,
    UNKNOWN,
    FacePicture,
    read_hashes,
    without_twins,
)
from home_security.faces.dividing import cohort_of, divide
from home_security.faces.embedded import NO_COPIES, Embedded, Embedder
from home_security.faces.kept import KNOWN_PEOPLE, keep_faces, read_faces, write_known
from home_security.faces.measuring import NamingEvaluation, evaluate_naming
from home_security.faces.networks import make_embedder, weights_files
from home_security.faces.recipe import FacesRecipe
from home_security.faces.report import write_card, write_report
from home_security.faces.settings import KNOWN, LABELS, FacesSettings, reaches
from home_security.faces.sides import COHORT, choose_sides
from home_security.faces.sources import list_data, rule_of, split_of, wanted_weights
from home_security.faces.synthetic import golden_inputs
from home_security.faces.trials import with_points

PACKAGES = ("onnxruntime", "ai-edge-litert", "onnx")
SHOWN = ("detection_rate", "accuracy_training", "accuracy_validation", "found", "let_in", "let_in.over", "size_mb")
LEAST_COSINE = 0.999
"""Between the vectors of the exported embedder and those that were measured."""
VERIFIED = 20
"""Pictures that are embedded anew."""
COHORT_SHARE = 0.8
"""Of the cohort that a recipe's limits were measured with, for these to hold."""


class FacesTrainer:
    """See `pipit.training.trainer.Trainer`."""

    recipe_type: ClassVar[type[FacesRecipe]] = FacesRecipe
    recipe_folder: ClassVar[Path] = recipe_folder(Path(__file__).parents[1])
    default_recipe: ClassVar[str] = "dlib"
    distributed: ClassVar[bool] = False

    def __init__(self, recipe: FacesRecipe, data: Path | None) -> None:
        self.recipe = recipe
        self._data = data

    def data_files(self) -> Mapping[str, Path]:
        """See `Trainer`. The embedder's weights count as data."""
        wanted = wanted_weights(self.recipe, self._data)
        return {**list_data(self.recipe, self._data).files, **weights_files(self.recipe.network, wanted)}

    def prepare(self, run: Run) -> Facts:
        """Leaves `faces.json`."""
        listing = list_data(self.recipe, self._data)
        if self.recipe.crowd is not None and not any(picture.person.startswith(CROWD) for picture in listing.items):
            run.progress.say(f"no pictures of a crowd at {self.recipe.crowd.path}; the cohort is smaller without them")
        with run.progress.track("reading pictures", len(listing.items)) as bar:
            usable, hashes, problems = read_hashes(listing.items, lambda _done, _all: bar.advance())
        settle_problems(run, (*listing.problems, *problems))
        pictures, pairs = without_twins(usable, hashes)
        pairs = [pair for pair in pairs if not pair[1].person.startswith(CROWD)]
        mixed = [f"{one.name} and {other.name}" for one, other in pairs if one.person != other.person]
        if mixed:
            run.progress.say(f"nearly the same, of two people: {mixed[0]} ({len(mixed)} such pairs); is one misplaced?")
        crowd = [picture.person for picture in pictures if picture.person.startswith(CROWD)]
        drawn = [picture for picture in pictures if not picture.person.startswith(CROWD)]
        split = split_of(self.recipe, crowded=bool(crowd))
        sides = choose_sides(drawn, split, self.recipe.seed) | dict.fromkeys(crowd, COHORT)
        entries = [{"name": p.name, "person": p.person, "role": p.role, "side": sides[p.person]} for p in pictures]
        run.write_json("prepare", "faces.json", entries)
        kinds = {p.person: f"{_kind(p.role)}_{sides[p.person]}" for p in pictures}
        return {
            "pictures": len(pictures),
            "twins_left_out": len(usable) - len(pictures),
            "bad_files": len(listing.problems) + len(problems),
            **{f"people_{name}": count for name, count in sorted(Counter(kinds.values()).items())},
        }

    def fit(self, run: Run) -> Facts:
        """Leaves `embedder.onnx`, `embedder.json`, `vectors.npz`; and `known.npz`, which is personal data."""
        path = run.output("fit") / "embedder.onnx"
        embedder = make_embedder(
            self.recipe.network, wanted_weights(self.recipe, self._data), flipped=self.recipe.flipped
        )
        embedder.write(path)
        digest = embedder.settings.digest(sha256_file(path))
        kept = {"settings": embedder.settings.to_parameters(), "digest": digest, "licence": embedder.licence}
        run.write_json("fit", "embedder.json", kept)
        if not FAR_NETWORKS.keys() <= finding_networks().keys():
            run.progress.say("faces far away will not be found; for these run: python -m pipit.landmark_networks")
        pictures = self._pictures(run)
        with self._embedder(run, path) as embed, run.progress.track("embedding faces", len(pictures)) as bar:
            found = []
            for picture in pictures:
                copies = self.recipe.augmentation if picture.role == ENROL else NO_COPIES
                found.append(embed.embed(picture, copies))
                bar.advance()
        faces = [one for one in found if one is not None]
        if not any(one.picture.role == ENROL for one in faces):
            raise InvalidInput("no face is found in any picture of enrolment; use faces of 100 pixels or larger")
        kept_faces = keep_faces(pictures, found)
        kept_faces.save(run.output("fit"))
        everybody, svm = kept_faces.face_set(copies=True), self.recipe.naming.settings().svm
        cohort = cohort_of(kept_faces, run.read_json("prepare", "faces.json"))
        people = write_known(run.output("fit"), everybody, cohort, svm)
        run.progress.say(
            f"{people} people are known in {KNOWN_PEOPLE}; no bundle holds anybody. Make a person known "
            "to devices with: pipit faces enrol NAME FOLDER --consent-by WHO --purpose WHAT"
        )
        refused = sum(not self._enrols(one) for one in faces if one.picture.role == ENROL)
        return {
            "faces": len(faces),
            "without_face": len(pictures) - len(faces),
            "people_known": people,
            "enrolment_would_refuse": refused,
        }

    def evaluate(self, run: Run) -> Facts:
        """Leaves `limits.json`, the report with its model card, `metrics.json` and `best_scores.json`."""
        evaluation = self._evaluation(run)
        limits = {"points": evaluation.naming.points.to_parameters(), "source": evaluation.source}
        run.write_json("evaluate", "limits.json", limits)
        run.progress.say(f"limits {evaluation.source}")
        size = (run.output("fit") / "embedder.onnx").stat().st_size / 1e6
        metrics = evaluation.metrics() | {"size_mb": Metric(value=size, samples=0)}
        if self.recipe.augmentation.copies:
            metrics |= self._without_copies(run)
        kept = {name: metric.model_dump(mode="json") for name, metric in metrics.items()}
        run.write_json("evaluate", "metrics.json", kept)
        histogram = score_histogram(evaluation.calibrated().astype(np.float32))
        run.write_json("evaluate", "best_scores.json", histogram.model_dump(mode="json"))
        report = run.output("evaluate") / "report"
        write_report(report, evaluation, PACKAGES)
        licence = run.read_json("fit", "embedder.json")["licence"]
        rule = rule_of(self.recipe, run.read_json("prepare", "faces.json"))
        write_card(report / "model_card.md", self.recipe, run, evaluation, metrics, licence, rule, PACKAGES)
        return _facts(metrics) | {"limits": evaluation.source}

    def export(self, run: Run) -> Facts:
        """Leaves `float32.onnx`."""
        path = _network(run)
        shutil.copyfile(run.output("fit") / "embedder.onnx", path)
        return {"float32_bytes": path.stat().st_size}

    def verify(self, run: Run) -> Facts:
        """Leaves `parity.json`: the exported embedder gives the vectors that were measured, so the report is of it."""
        cosine = self._least_cosine(run)
        run.write_json("verify", "parity.json", {"float32": cosine})
        if cosine < LEAST_COSINE:
            raise IntegrityError(f"the exported embedder gives other vectors (cosine {cosine:.4f}); it went wrong")
        return {"least_cosine": cosine}

    def draft(self, run: Run) -> BundleDraft:
        """See `Trainer`. Golden inputs are drawn by a program: nobody's face goes into a bundle."""
        kept = run.read_json("fit", "embedder.json")
        embedder = EmbedderSettings.from_parameters(kept["settings"])
        points = operating_points_of(run.read_json("evaluate", "limits.json")["points"])
        settings = FacesSettings(
            embedder=embedder,
            digest=kept["digest"],
            enrolment=self.recipe.enrolment.limits(),
            nameable=self.recipe.nameable.limits(),
            naming=with_points(self.recipe.naming.settings(), points),
            cohort=cohort_of(read_faces(run.output("fit")), run.read_json("prepare", "faces.json")),
            likeness=self.recipe.likeness.limits(),
        )
        metrics = run.read_json("evaluate", "metrics.json")
        return BundleDraft(
            labels=LABELS,
            input=InputDescription(
                kind="image", shape=(3, embedder.height, embedder.width), units="RGB of an aligned face, scaled"
            ),
            pipeline=PipelineReference(name=self.recipe.task, parameters=settings.to_parameters()),
            variants=(VariantFile("float32", "onnx", _network(run)),),
            decision=Decision(thresholds={KNOWN: 0.5}),
            metrics={name: Metric.model_validate(value) for name, value in metrics.items()},
            golden=golden_inputs(self.recipe.golden.samples, self.recipe.seed),
            best_scores=ScoreHistogram.model_validate(run.read_json("evaluate", "best_scores.json")),
            split_rule=rule_of(self.recipe, run.read_json("prepare", "faces.json")),
            files={f"report/{p.name}": p for p in sorted((run.output("evaluate") / "report").iterdir())},
            networks={name: NetworkFile(RUNTIME, path) for name, path in finding_networks().items()},
        )

    def _pictures(self, run: Run) -> list[FacePicture]:
        paths = list_data(self.recipe, self._data).files
        entries = run.read_json("prepare", "faces.json")
        return [FacePicture(paths[e["name"]], e["name"], e["person"], e["role"]) for e in entries]

    @contextmanager
    def _embedder(self, run: Run, network: Path, cache: Path | None = None) -> Iterator[Embedder]:
        """cache: of vectors; the one that runs share where None."""
        kept = run.read_json("fit", "embedder.json")
        settings = EmbedderSettings.from_parameters(kept["settings"])
        paths = finding_networks()
        named = {name: Network(runtime=RUNTIME, file=name) for name in paths}
        with ExitStack() as stack:
            with without_chatter():
                networks = stack.enter_context(open_networks(named, paths.__getitem__))
                runtime = stack.enter_context(closing(load_runtime(network, "onnx")))
            finder = FaceFinder(networks, settings.chip)
            yield Embedder(finder, runtime, settings, kept["digest"], ArrayCache(cache or run.cache / "faces"))

    def _enrols(self, face: Embedded) -> bool:
        return reaches(face.quality, self.recipe.enrolment.limits())

    def _evaluation(self, run: Run, *, copies: bool = True) -> NamingEvaluation:
        naming = self.recipe.naming
        kept = read_faces(run.output("fit"))
        told = ~np.char.startswith(kept.seen_people, CROWD)
        detection: Estimate | None = grouped_share(kept.seen[told], kept.seen_people[told], self.recipe.seed)
        entries = run.read_json("prepare", "faces.json")
        divided = divide(kept, entries, self.recipe.augmentation.copies if copies else 0)
        source = ""
        if naming.limits is not None and len(divided.cohort) >= COHORT_SHARE * naming.limits.cohort:
            source = f"of the recipe, {naming.limits.source}"
        return evaluate_naming(divided, naming.settings(), source, detection, self.recipe.seed)

    def _without_copies(self, run: Run) -> dict[str, Metric]:
        """What is found where enrolment pictures are not varied."""
        metrics = self._evaluation(run, copies=False).metrics()
        return {
            f"unvaried.{name}": metrics[name] for name in ("accuracy_validation", "found", "let_in") if name in metrics
        }

    def _least_cosine(self, run: Run) -> float:
        """Between what the exported embedder says to some pictures and what was measured."""
        kept = read_faces(run.output("fit"))
        pictures = [picture for picture in self._pictures(run) if kept.vector_of(picture.name) is not None]
        cosines = []
        # Nothing that was kept is taken: this cache is an empty one.
        with (
            TemporaryDirectory() as scratch,
            self._embedder(run, _network(run), Path(scratch)) as embed,
        ):
            for picture in pictures[:: max(1, len(pictures) // VERIFIED)]:
                before, again = kept.vector_of(picture.name), embed.embed(picture)
                cosines.append(-1.0 if again is None or before is None else float(again.vectors[0] @ before))
        return min(cosines)


def finding_networks() -> dict[str, Path]:
    """Networks that find faces. One for those far away is left out where this environment was made without it."""
    far = any((FOLDER / file.name).is_file() for file in FAR_NETWORKS.values())
    return network_paths(body=False, far=far)


def _kind(role: str) -> str:
    return "strangers" if role == UNKNOWN else "known"


def _facts(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    return {name: metric.value for name, metric in metrics.items() if name in SHOWN or name.startswith("unvaried.")}


def _network(run: Run) -> Path:
    return run.output("export") / "float32.onnx"
