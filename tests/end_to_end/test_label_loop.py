"""On real sounds: a weak model serves, what it was unsure of is labelled, and trains what is rolled out next."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pipit.bundle import open_bundle
from pipit.settings import DataSettings, load_settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    # Keras converts its arrays so.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def parts() -> Iterator[ModuleType]:
    """`label_loop`, which lies among the measurements and in no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "load"))
        yield importlib.import_module("label_loop")


@pytest.fixture(scope="module")
def data() -> Path:
    folder = load_settings(DataSettings).data
    if folder is None or not (folder / "esc50/meta/esc50.csv").is_file():
        pytest.skip("needs ESC-50: pipit data fetch esc50, and set PIPIT_DATA")
    if not (folder / "backbones/yamnet_logmel96x64_w8.onnx").is_file():
        pytest.skip("needs YAMNet's weights: pipit data fetch yamnet, and set PIPIT_DATA")
    return folder


def test_what_a_model_is_unsure_of_makes_it_better(
    parts: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIPIT_SIGNING_KEY", "PIPIT_TOKEN", "PIPIT_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with parts.open_loop(data, tmp_path, parts.Settings()) as loop:
        weak = loop.train()
        loop.serve()
        loop.wait_for(weak["version"])
        unsure: list[Any] = []
        # A device leaves out what it is asked while 32 others wait to be written.
        for begin in range(0, len(loop.heard), 16):
            some = loop.heard[begin : begin + 16]
            unsure += [
                sound
                for sound, (_, score) in zip(some, loop.ask(some), strict=True)
                if loop.settings.low <= score <= loop.settings.high
            ]
            loop.arrived(unsure)
        assert 0 < len(unsure) < len(loop.heard)
        before = loop.accuracy()

        hard = loop.arrived(unsure)
        assert {(one.device_id, one.version, str(one.reason)) for one in hard} == {
            (parts.DEVICE, weak["version"], "uncertain")
        }
        loop.label(hard)
        frozen = loop.freeze("hard")
        assert sum(frozen["labels"].values()) == len(hard)
        reference = f"labels://hard@{frozen['digest']}"
        better = loop.train(reference)
        loop.wait_for(better["version"])
        after = loop.accuracy()

    lineage = open_bundle(Path(better["bundle"])).manifest.lineage
    assert (lineage.label_sets, lineage.synthetic) == ((reference,), ())
    items = json.loads((Path(better["run"]) / "prepare" / "items.json").read_text())
    labelled = {Path(item["name"]).stem: item["side"] for item in items if item["name"].startswith("hard-")}
    assert labelled == {one.id: "train" for one in hard}
    assert [weak["version"], better["version"]] == ["1.0.0", "1.1.0"]
    assert after > before
