"""MobileNet in two stages, and what looks at any task at pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat import NotebookNode
from notebook_cells import EXPLORING, MISTAKEN, Execute, made_bundle, pictures, players, printed

MOBILENET = "models/mobilenet.ipynb"


FROZEN = {
    "name": "frozen",
    "optimiser": {"name": "adamax", "learning_rate": 1e-6, "schedule": "constant"},
    "epochs": 1,
    "batch_size": 16,
    "early_stopping_patience": 3,
}
# Nothing is learnt by such rates, so that there are mistakes to look at.
LAST_LAYERS = FROZEN | {"name": "last_layers", "last_layers": 20}
CHANGES: dict[str, object] = {
    "stages": [FROZEN, LAST_LAYERS],
    "augmentation": {"copies": 1},
    "head": {"units": 512, "dropout": 0.3},
    "export": {"variants": ["float32"], "default_variant": "float32"},
    "gates": [{"name": "fits", "metric": "size_mb", "comparison": "<", "limit": 5.0}],
}


@pytest.mark.slow
def test_mobilenet_in_two_stages_and_what_looks_at_its_pictures(execute: Execute, tmp_path: Path) -> None:
    notebook = execute(MOBILENET, repr(CHANGES))

    text = printed(notebook)
    stage = r"^{} +the head and +{} layers before it; adamax 1e-06, batch 16, ends 3 epochs after the best; on all"
    assert re.search(stage.format("1 frozen", 0), text, re.MULTILINE)
    assert re.search(stage.format("2 last_layers", 20), text, re.MULTILINE)
    assert re.search(r"^drawn_hoof +16 +4 +4$", text, re.MULTILINE)
    first, second = re.findall(r"^(?:frozen|last_layers) +trains +([\d,]+) of 1,236,596 numbers$", text, re.MULTILINE)
    # MobileNetV3-Small's 576 features to 512, and those to four animals.
    assert int(first.replace(",", "")) == 576 * 512 + 512 + 512 * 4 + 4
    assert int(second.replace(",", "")) > 2 * int(first.replace(",", ""))
    bundle = made_bundle(tmp_path, "footprints.species", notebook)
    checkpoints = sorted(path.name for path in bundle.path.parents[1].glob("fit/mobilenet_v3_small/*.keras"))
    assert checkpoints == ["1_frozen.keras", "2_last_layers.keras"]
    assert [name for name in checkpoints if f"MB  {name}\n" not in text] == []
    accuracy = bundle.manifest.metrics["accuracy"]
    assert f"float32      4.93 MB, accuracy {accuracy.value:.3f}\n" in text
    right, asked = map(int, re.findall(r"^(\d+) of (\d+) test pictures are answered", text, re.MULTILINE)[0])
    assert asked == accuracy.samples == 19
    assert right <= round(accuracy.value * asked)
    assert pictures(notebook) == 4

    # What looks at a training finds this one up to date and trains nothing.
    check_exploration(execute(EXPLORING, repr(CHANGES), "footprints.species"))
    errors = execute(MISTAKEN, repr(CHANGES), "footprints.species")
    assert "fit: started" not in printed(errors)
    check_errors(errors, 19 - round(accuracy.value * 19))


def check_exploration(seen: NotebookNode) -> None:
    text = printed(seen)
    assert "96 items of 95 groups" in text
    assert re.search(r"^drawn_cat +24 +23 ", text, re.MULTILINE)
    twins = r"^nearly the same: \S+/drawn_cat/006.jpg \(\w+\), \S+/drawn_cat/016.jpg \(\w+\)$"
    assert re.search(twins, text, re.MULTILINE)
    low, high = map(float, re.findall(r"^brightness: (\S+) in \S+ to (\S+) in ", text, re.MULTILINE)[0])
    assert 0.0 < low < high < 1.0
    assert pictures(seen) == 3
    assert players(seen) == 0


def check_errors(errors: NotebookNode, expected: int) -> None:
    text = printed(errors)
    wrong, of = map(int, re.findall(r"^(\d+) of (\d+) answers are wrong$", text, re.MULTILINE)[0])
    assert (wrong, of) == (expected, 19)
    assert wrong > 0
    assert len(re.findall(r": is \w+ \(", text)) == min(wrong, 20)
    assert pictures(errors) == 2
    assert players(errors) == 0
