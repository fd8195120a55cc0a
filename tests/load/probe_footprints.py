"""What a photograph of a print can tell, before any network is trained on prints: linear probes, and what gates them.

    python tests/load/probe_footprints.py FEATURES

Needs PIPIT_DATA with `footprints`, `faces`, `expressions`, `tv_ad_frames` and the backbones. FEATURES: a file for
what the networks say of all pictures, mirrored and upside down too. What it holds is not computed again: it takes ten
minutes.
A probe is linear discriminant analysis (half its covariance the identity's) of features of networks that know ImageNet
alone. It is cross-validated over the photographs of `train`, and asked once about those of `val`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from footprints.detector.material import bare_ground
from footprints.detector.quilting import quilt
from footprints.names import family_of
from footprints.photographs import pictures_without_prints, read_photographs
from footprints.species.likeness import learn_likeness
from footprints.species.pipeline import CROP, INPUT
from measure import write_csv
from numpy.typing import NDArray
from pipit.inputs.crops import square_crop
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.pictures.listing import read_pixels
from pipit.training.by_input.pictures.networks import efficientnet_lite_weights as lite_weights
from pipit.training.by_input.pictures.networks.backbones import BACKBONES
from pipit.training.by_input.pictures.networks.efficientnet_lite import build_efficientnet_lite0
from pipit.training.calibration import coverage_curve
from pipit.training.intervals import wilson
from scipy import ndimage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

WITHOUT = {"faces": 400, "expressions/wild200": 300, "expressions/fer2013/test": 200, "tv_ad_frames": 80}
"""Pictures of something else, drawn with seed 1."""
LAYERS = {"lite": ("5_3_add", "6_4_add", "top_relu"), "mobilenet": ("expanded_conv_7_add", "activation_17")}
VIEWS: Mapping[str, tuple[slice, slice]] = {
    "as it is": (slice(None), slice(None)),
    "mirrored": (slice(None), slice(None, None, -1)),
    "upside down": (slice(None, None, -1), slice(None)),
    "both": (slice(None, None, -1), slice(None, None, -1)),
}
PROBES = {
    "mobilenet": ("mobilenet/1",),
    "lite": ("lite/2",),
    "both": ("mobilenet/1", "lite/2"),
    "both, three depths": ("mobilenet/1", "lite/0", "lite/1", "lite/2"),
}
Rows = NDArray[np.float64]
Features = Mapping[str, NDArray[np.float32]]
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/species_probes.csv`."""
    data, path = load_settings(DataSettings).data, Path(sys.argv[1])
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds `footprints`")
    crops, labels = read_crops(data)
    known = dict(np.load(path)) if path.is_file() else {}
    features = {**known, **look(data, crops, known)}
    np.savez(path, **features)
    names = sorted(set(labels["train"]))
    truth = {side: np.array([names.index(label) for label in labels[side]]) for side in labels}
    rows, scores = probes(features, truth, names)
    rows += readability(crops["train"], scores, truth["train"]) + likeness(features)
    write_csv("species_probes", rows, ("keras", "scikit-learn", "numpy"))


def read_crops(data: Path) -> tuple[dict[str, NDArray[np.uint8]], dict[str, list[str]]]:
    """Of every kind of picture: the middle, as the device crops it; and labels of the photographs by their side."""
    generator, patches = np.random.default_rng(1), np.random.default_rng(3)
    items = read_photographs(data / "footprints", "footprints").items
    crops, labels = {}, {}
    for side in ("train", "val"):
        chosen = [item for item in items if item.name.split("/")[1] == side]
        pixels = [read_pixels(item.path) for item in chosen]
        crops[side], labels[side] = middles(pixels), [item.label for item in chosen]
    grounds = [ground for one in pixels if (ground := bare_ground(one)) is not None]
    crops["bare ground, enlarged"] = middles(grounds)
    crops["bare ground, quilted"] = np.stack([quilt(ground, CROP, CROP, 30, patches) for ground in grounds])
    for name, paths in pictures_without_prints(data, tuple(WITHOUT)).items():
        order = generator.permutation(len(paths))[: WITHOUT[name]]
        crops[name] = middles([read_pixels(paths[i]) for i in order])
    return crops, labels


def middles(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The largest square in the middle of each."""
    return np.stack([square_crop(pixels, None, 0.0, CROP) for pixels in pictures])


def look(data: Path, crops: Mapping[str, NDArray[np.uint8]], known: Features) -> dict[str, NDArray[np.float32]]:
    """Mean features by kind of picture, view, network and layer; those that are not known yet."""
    networks = {
        "lite": build_efficientnet_lite0(lite_weights.weights_file(data), CROP, INPUT),
        "mobilenet": BACKBONES["mobilenet_v3_small"].build(
            BACKBONES["mobilenet_v3_small"].weights_file(data), CROP, INPUT
        ),
    }
    found = {}
    for name, network in networks.items():
        outputs = [network.get_layer(layer).output for layer in LAYERS[name][:-1]] + [network.output]
        means = keras.Model(network.input, [keras.layers.GlobalAveragePooling2D()(output) for output in outputs])
        for kind, pixels in crops.items():
            for view, (down, across) in VIEWS.items():
                keys = [f"{kind}|{view}|{name}/{number}" for number in range(len(outputs))]
                if (view != "as it is" and kind not in ("train", "val")) or known.keys() >= set(keys):
                    continue
                turned = pixels[:, down, across].astype(np.float32)
                parts = [means.predict_on_batch(turned[start : start + 64]) for start in range(0, len(turned), 64)]
                for key, values in zip(keys, zip(*parts, strict=True), strict=True):
                    found[key] = np.concatenate([np.asarray(one) for one in values])
    return found


def probes(features: Features, truth: Mapping[str, NDArray[np.int64]], names: list[str]) -> tuple[list[Row], Rows]:
    """Accuracy of each probe, cross-validated and on test photographs. Gives the last one's cross-validated scores."""
    families = [family_of(name) for name in names]
    members = np.array([[one == family for one in families] for family in sorted(set(families))], float)
    rows: list[Row] = []
    first: NDArray[np.bool_] | None = None
    for probe, parts in PROBES.items():
        seen = {
            side: [np.concatenate([features[f"{side}|{view}|{part}"] for part in parts], axis=1) for view in VIEWS]
            for side in truth
        }
        validated = cross_validated(seen["train"], truth["train"], len(VIEWS))
        network = fitted(seen["train"], truth["train"])
        for views in (1, len(VIEWS)):
            several = validated if views > 1 else cross_validated(seen["train"], truth["train"], 1)
            asked = np.mean([network.predict_proba(one) for one in seen["val"][:views]], axis=0)
            for where, scores, side in (("cross-validated", several, "train"), ("test", asked, "val")):
                right = scores.argmax(axis=1) == truth[side]
                family = members @ np.eye(len(names))[truth[side]].T
                same = (scores @ members.T).argmax(axis=1) == family.argmax(axis=0)
                rows.append(share(f"{probe}, {views} views", f"accuracy, {where}", right))
                rows.append(share(f"{probe}, {views} views", f"family accuracy, {where}", same))
                if where == "test":
                    first = right if first is None else first
                    rows.append(gain(f"{probe}, {views} views", right, first))
    return rows, validated


def fitted(views: Sequence[NDArray[np.float32]], truth: NDArray[np.int64]) -> LinearDiscriminantAnalysis:
    """All views of each photograph train."""
    probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    return probe.fit(np.concatenate(views), np.tile(truth, len(views)))


def cross_validated(views: Sequence[NDArray[np.float32]], truth: NDArray[np.int64], asked: int) -> Rows:
    """Scores of photographs that were held back, five times a fifth. asked: how many views are averaged."""
    scores = np.zeros((len(truth), int(truth.max()) + 1))
    for rest, held in StratifiedKFold(5, shuffle=True, random_state=1).split(truth, truth):
        network = fitted([one[rest] for one in views], truth[rest])
        scores[held] = np.mean([network.predict_proba(one[held]) for one in views[:asked]], axis=0)
    return scores


def readability(crops: NDArray[np.uint8], scores: Rows, truth: NDArray[np.int64]) -> list[Row]:
    """Area under the risk-coverage curve, by what ranks the photographs; cross-validated scores."""
    right = scores.argmax(axis=1) == truth
    grey = crops @ np.array([0.299, 0.587, 0.114], np.float32)
    ranked = np.sort(scores, axis=1)[:, ::-1]
    sharp = np.array([ndimage.laplace(one).var() for one in grey])
    coarse = np.array([ndimage.laplace(ndimage.gaussian_filter(one, 2)).var() for one in grey])
    entropy = -(scores * np.log(scores + 1e-9)).sum(axis=1)
    own = np.column_stack([np.log(ranked[:, :3] + 1e-9), entropy])
    picture = np.column_stack([np.log(sharp + 1), np.log(coarse + 1), grey.std(axis=(1, 2))])
    learnt: Callable[[Rows], Rows] = lambda values: cross_val_predict(  # noqa: E731
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        values,
        right,
        cv=StratifiedKFold(5, shuffle=True, random_state=2),
        method="predict_proba",
    )[:, 1]
    ranks = {
        "best score": ranked[:, 0],
        "best score less the second": ranked[:, 0] - ranked[:, 1],
        "entropy": -entropy,
        "sharpness (variance of the Laplacian)": sharp,
        "sharpness at 2 px": coarse,
        "contrast": grey.std(axis=(1, 2)),
        "learnt from scores": learnt(own),
        "learnt from scores, sharpness and contrast": learnt(np.column_stack([own, picture])),
        "chance": np.random.default_rng(0).random(len(truth)),
    }
    rows = []
    for name, rank in ranks.items():
        shares, accuracies = coverage_curve(right, rank)
        rows.append(row(name, "risk-coverage area", 1 - accuracies.mean(), len(truth)))
        for share_said in (0.1, 0.2, 0.5):
            rows.append(
                row(name, f"accuracy of {share_said:.0%}", accuracies[shares.searchsorted(share_said)], len(truth))
            )
    return rows


def likeness(features: Features) -> list[Row]:
    """How well the distance to training photographs tells prints from other pictures, by the layer that it is of."""
    rows = []
    kinds = sorted({key.partition("|")[0] for key in features} - {"train", "val"})
    for layer in ("lite/0", "lite/2", "mobilenet/0", "mobilenet/1"):
        of = {kind: features[f"{kind}|as it is|{layer}"] for kind in ("train", "val", *kinds)}
        learnt = learn_likeness(of["train"])
        away = {kind: np.abs((values - learnt.mean) / learnt.spread).mean(axis=1) for kind, values in of.items()}
        for kind in kinds:
            both = np.concatenate([away["val"], away[kind]])
            area = roc_auc_score(np.arange(len(both)) >= len(away["val"]), both)
            rows.append(row(f"likeness by {layer}", f"area, {kind}", area, len(both)))
            rows.append(share(f"likeness by {layer}", f"under a half, {kind}", away[kind] > learnt.half))
        rows.append(share(f"likeness by {layer}", "under a half, prints", away["val"] > learnt.half))
    return rows


def gain(what: str, right: NDArray[np.bool_], before: NDArray[np.bool_]) -> Row:
    """Points of accuracy more than the first probe's, with a bootstrap over the same photographs."""
    differences = right.astype(float) - before
    drawn = np.random.default_rng(1).integers(0, len(right), (2000, len(right)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return row(what, "more than mobilenet with one view, test", differences.mean(), len(right), (low, high))


def share(what: str, measure: str, hits: NDArray[np.bool_]) -> Row:
    """With Wilson's interval."""
    return row(what, measure, float(hits.mean()), len(hits), wilson(float(hits.sum()), len(hits)))


def row(what: str, measure: str, value: float, samples: int, ends: tuple[float, float] | None = None) -> Row:
    """One line of the table."""
    low, high = ("", "") if ends is None else (round(float(end), 3) for end in ends)
    return {
        "what": what,
        "measure": measure,
        "value": round(float(value), 3),
        "low": low,
        "high": high,
        "samples": samples,
    }


if __name__ == "__main__":
    main()
