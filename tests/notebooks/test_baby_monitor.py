"""Cries, heard through a gate that a program made in YAMNet's place."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import soundfile
from notebook_cells import Execute, made_bundle, pictures, players, printed

CRIES = "04_baby_cry_training.ipynb"
CHANGES = {
    "network": "yamnet",
    "gate": "yamnet",
    "data": [
        {"kind": "cries", "path": "synthetic_cry", "licence": "none needed"},
        {"kind": "background", "path": "quiet", "licence": "none needed", "piece_seconds": 2.0},
    ],
    "reasons": {"tired": ""},
    "episodes": {"enter": 0.5, "exit": 0.3, "hits": 2, "answer_after": 4},
    "optimiser": {"learning_rate": 0.05},
    "epochs": 4,
    "export": {"variants": ["float32"], "default_variant": "float32"},
}


def stand_ins() -> ModuleType:
    """Those of the domain's own tests."""
    path = Path(__file__).parents[2] / "services" / "baby_monitor" / "tests" / "cry" / "conftest.py"
    spec = spec_from_file_location("cry_stand_ins", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_cries(execute: Execute, tmp_path: Path) -> None:
    made, data = stand_ins(), tmp_path / "data"
    gate = data / made.FILE
    gate.parent.mkdir(parents=True)
    made.write_gate(gate)
    (data / "quiet").mkdir()
    for number in range(4):
        soundfile.write(data / "quiet" / f"room{number}.wav", made.room(6.0, number), made.RATE)

    notebook = execute(CRIES, repr(CHANGES))

    text = printed(notebook)
    assert re.search(r"^hungry +20 recordings of +10 recorders$", text, re.MULTILINE)
    assert re.search(r"^no_cry +12 recordings of +4 recorders$", text, re.MULTILINE)
    assert "right in 50.0% of the 40 cries with a reason" in text
    assert re.search(r"^train +24 recordings of +6 recorders: hungry 12, pain 12$", text, re.MULTILINE)
    assert "recorders that train and test: 0\n" in text
    bundle = made_bundle(tmp_path, "baby_monitor.cry", notebook)
    metrics = bundle.manifest.metrics
    told = f"macro_f1   {metrics['cries.macro_f1'].value:.3f}; always the same reason: 0.333\n"
    assert told in text
    assert metrics["cries.macro_f1"].value > 0.8
    # Six seconds of noise, six of cries, six of noise: one episode, and nothing beside it.
    assert "hungry: 6.0 to 12.0 s\n" in text
    answers = re.findall(r"^ +([\d.]+) to +([\d.]+) s: (.+)$", text, re.MULTILINE)
    episodes = [(float(start), float(end), label) for start, end, label in answers if label != "no_cry"]
    assert episodes == [(5.0, 10.0, "hungry")]
    assert len(answers) > 8
    assert re.search(r"^no_cry +said: no_cry +6$", text, re.MULTILINE)
    right, asked = map(int, re.findall(r"^(\d+) of (\d+) test recordings are answered rightly", text, re.MULTILINE)[0])
    assert asked == 14
    assert right >= 12
    assert pictures(notebook) == 4
    assert players(notebook) == 1
