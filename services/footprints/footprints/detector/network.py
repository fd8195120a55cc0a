"""Trains by ultralytics in its own environment, and asks the trained network; see `child`."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pipit.errors import IntegrityError, NotFound
from pipit.inputs.media import media_of_file
from pipit.training.fitting import LOWEST_LEARNING_RATE, Fitted, fitted
from pipit.training.progress import Progress

from footprints.detector.child import Event, run_job
from footprints.detector.data import ENDINGS, LABEL, SIDES, LabelledPicture, format_boxes
from footprints.detector.pretrained import convert_weights
from footprints.detector.recipe import DetectorRecipe

_OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
_LOSSES = {"train/box_loss": "box_loss", "train/cls_loss": "class_loss", "train/dfl_loss": "edge_loss"}
_LOSSES |= {name.replace("train", "val"): f"val_{kept}" for name, kept in _LOSSES.items()}
_LOSSES |= {"metrics/mAP50(B)": "val_average_precision"}


def start_file(recipe: DetectorRecipe, data: Path | None) -> Path | None:
    """The weights that the recipe begins with. Raises NotFound."""
    if not recipe.start:
        return None
    path = Path(recipe.start).expanduser()
    if not path.is_absolute():
        if data is None:
            raise NotFound(f"weights {recipe.start!r} are looked for in the folder that PIPIT_DATA names; set it")
        path = data / path
    if not path.is_file():
        raise NotFound(f"weights to begin with are not at {path}; fetch them, or train with --set start=''")
    return path


def train_network(
    recipe: DetectorRecipe,
    pictures: Sequence[LabelledPicture],
    start: Path | None,
    scratch: Path,
    to: Path,
    progress: Progress,
) -> Fitted:
    """Trains, and puts at `to` the weights of the epoch that ultralytics takes for the best: by average precision.

    Goes on from what an interrupted call left in `scratch`. Gives losses and the average precision by name, a value an
    epoch. Raises NotFound, ExternalFailure, InvalidInput if the validation loss was never a number.
    """
    data, training = _write_set(scratch, pictures)
    batches = math.ceil(sum(picture.side == "train" for picture in pictures) / recipe.batch_size)
    with progress.track("training the detector", recipe.epochs * batches) as bar:

        def follow(event: Event) -> None:
            if event["event"] == "start":
                bar.advance(event["epoch"] * batches)
            elif event["event"] == "batch":
                bar.advance()
            elif event["event"] == "epoch" and event["epoch"] < recipe.epochs:
                found = event["values"].get("metrics/mAP50(B)", 0.0)
                bar.advance(0, note=f"epoch {event['epoch'] + 1}, average precision {found:.3f}")

        run_job(_job(recipe, data, training, _converted(start, scratch)), scratch, follow)
    found = fitted(_read_history(scratch / "train" / "results.csv"))
    shutil.copyfile(scratch / "train" / "weights" / "best.pt", to)
    return found


def export_network(weights: Path, size: int, to: Path, scratch: Path) -> None:
    """Writes trained weights as ONNX. Raises ExternalFailure."""
    part = scratch.resolve() / "exported.onnx"
    copy = scratch.resolve() / "weights.pt"
    shutil.copyfile(weights, copy)  # ultralytics exports beside the weights.
    run_job({"step": "export", "weights": str(copy), "size": size, "to": str(part)}, scratch)
    copy.unlink()
    part.replace(to)


def trained_outputs(weights: Path, squares: NDArray[np.uint8], scratch: Path) -> NDArray[np.float32]:
    """What the trained network itself gives, (rows, 4 + classes, anchors). squares: (rows, 3, size, size)."""
    with TemporaryDirectory(dir=scratch.resolve()) as folder:
        inputs, outputs = Path(folder) / "inputs.npy", Path(folder) / "outputs.npy"
        np.save(inputs, squares)
        run_job(
            {"step": "predict", "weights": str(weights.resolve()), "inputs": str(inputs), "to": str(outputs)}, scratch
        )
        found: NDArray[np.float32] = np.load(outputs)
    if len(found) != len(squares):
        raise IntegrityError(f"ultralytics answered {len(found)} of {len(squares)} pictures; train again")
    return found


def _write_set(scratch: Path, pictures: Sequence[LabelledPicture]) -> tuple[Path, list[str]]:
    """The set as ultralytics reads it; gives its `data.yaml`, and the pictures that train.

    In the scratch folder, with links to the pictures: ultralytics leaves files beside the boxes it reads.
    """
    folder = scratch.resolve() / "set"
    shutil.rmtree(folder, ignore_errors=True)
    given: dict[str, Any] = {"path": str(folder), "names": [LABEL]}
    links: dict[str, list[str]] = {side: [] for side in SIDES}
    for side, name in SIDES.items():
        given[name] = f"images/{name}"
        images, labels = folder / "images" / name, folder / "labels" / name
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for number, picture in enumerate(p for p in pictures if p.side == side):
            link = images / f"{number:06d}{ENDINGS[media_of_file(picture.path).name]}"
            link.symlink_to(picture.path.resolve())
            text = format_boxes(picture.boxes, *picture.size)
            (labels / f"{number:06d}.txt").write_text(text, encoding="utf-8")
            links[side].append(str(link))
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    return path, links["train"]


def _converted(start: Path | None, scratch: Path) -> str | None:
    if start is None or start.suffix == ".pt":
        return None if start is None else str(start.resolve())
    to = scratch / "start.npz"
    convert_weights(start, to)
    return str(to.resolve())


def _job(recipe: DetectorRecipe, data: Path, pictures: Sequence[str], start: str | None) -> dict[str, Any]:
    optimiser, augmentation = recipe.optimiser, recipe.augmentation
    return {
        "step": "fit",
        "data": str(data),
        "pictures": list(pictures),
        "network": recipe.network,
        "start": start,
        "epochs": recipe.epochs,
        "batch": recipe.batch_size,
        "size": recipe.finding.size,
        "patience": recipe.early_stopping_patience,
        "seed": recipe.seed,
        "workers": 0,
        "options": {
            "optimizer": _OPTIMISERS[optimiser.name],
            "lr0": optimiser.learning_rate,
            "lrf": 1.0 if optimiser.schedule == "constant" else LOWEST_LEARNING_RATE,
            "cos_lr": optimiser.schedule == "cosine",
            "warmup_epochs": optimiser.warmup_epochs,
            "weight_decay": optimiser.weight_decay,
            "momentum": optimiser.momentum,
            "freeze": recipe.frozen_layers or None,
            "fliplr": augmentation.flip,
            "flipud": augmentation.flip,
            "scale": augmentation.scale,
            "translate": augmentation.shift,
            "mosaic": augmentation.mosaic,
            "close_mosaic": min(2, recipe.epochs - 1),
            "erasing": 0.0,
        },
    }


def _read_history(path: Path) -> dict[str, list[float]]:
    """Ultralytics' table of epochs, those before an interruption too.

    One that was cut off between its line and its weights has another line once it has been trained again.
    """
    lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [name.strip() for name in lines[0]]
    every = [dict(zip(names, map(float, line), strict=True)) for line in lines[1:]]
    rows = list({row.get("epoch", float(number)): row for number, row in enumerate(every)}.values())
    history = {kept: [row[name] for row in rows] for name, kept in _LOSSES.items() if name in names}
    for prefix in ("", "val_"):
        parts = [history[f"{prefix}{kind}_loss"] for kind in ("box", "class", "edge")]
        history[f"{prefix}loss"] = [sum(values) for values in zip(*parts, strict=True)]
    return history
