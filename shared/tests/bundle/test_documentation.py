"""What `docs/bundle.md` shows is true: its manifest parses, its program reads a bundle, its table names the arrays."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from pipit.bundle import Bundle, Manifest, parse_manifest
from pipit.bundle.golden_inputs import input_to_arrays
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput

PAGE = Path(__file__).parents[3] / "docs" / "bundle.md"
VALUES = np.zeros((1, 1), np.float32)


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_manifest_shown_is_one() -> None:
    manifest = parse_manifest(block("yaml").encode())
    assert manifest.name == "yamnet-int8-v1.2.0"
    assert manifest.labels == ("none", "dog", "glass_breaking")
    assert manifest.decision.background == "none"


def test_every_field_is_described() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert set(Manifest.model_fields) <= rows
    assert set(yaml.safe_load(block("yaml"))) == set(Manifest.model_fields)


def test_the_program_shown_reads_a_bundle(bundle: Bundle) -> None:
    (bundle.path / "weights/int8.npy").write_bytes(b"changed")
    done = subprocess.run(
        [sys.executable, "-c", block("python"), str(bundle.path)], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        f"digest {bundle.digest}",
        "weights/float32.npy whole",
        "weights/int8.npy CHANGED",
        "golden.npz whole",
        "scores/float32/0 (3, 2)",
        "scores/float32/1 (2, 2)",
        "scores/int8/0 (3, 2)",
        "scores/int8/1 (2, 2)",
    ]


@pytest.mark.parametrize(
    "item",
    [
        EncodedAudio(b"x"),
        EncodedImage(b"x"),
        PcmAudio(VALUES, 8000),
        Landmarks(VALUES[0]),
        TensorInput("x", VALUES),
        InputSequence((EncodedImage(b"x"),)),
    ],
    ids=lambda item: type(item).__name__,
)
def test_every_array_of_an_input_is_described(item: Input) -> None:
    page = PAGE.read_text("utf-8")
    arrays = input_to_arrays("inputs/N", item)
    assert f"`{arrays['inputs/N/kind']}`" in page
    for name in arrays:
        if not name.startswith("inputs/N/items/"):
            assert f"`{name}`" in page
