"""Bundles that hold more networks than the task's own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pipit.bundle import Manifest, check_golden, open_bundle, parse_manifest, run_once, write_bundle
from pipit.bundle.manifest import Network
from pipit.errors import IntegrityError, InvalidInput, NotFound, Unavailable
from pipit.inputs import Landmarks
from pipit.pipelines import load_pipeline
from pipit.pipelines.networks import open_networks, open_pipeline
from pipit.runtimes import load_runtime


def is_closed(runtime: Any) -> bool:
    try:
        runtime.run({"x": np.zeros((1, 3), np.float32)})
    except Unavailable:
        return True
    return False


def test_a_bundle_opens_with_its_networks_and_closes_them(staged: ModuleType, tmp_path: Path) -> None:
    bundle = open_bundle(staged.make_bundle(tmp_path).path)
    assert bundle.manifest.networks == {"finder": Network(runtime="onnx", file="networks/finder.onnx")}
    with open_pipeline(bundle) as pipeline, closing(load_runtime(bundle.weights(), "onnx")) as runtime:
        assert check_golden(bundle, "float32", pipeline, runtime) < 1e-6
        values = np.array([-1.0, 0.5, 0.125], np.float32)
        scores = run_once(Landmarks(values), staged.LABELS, pipeline, runtime)
        assert scores == pytest.approx(staged.scores_of(values), abs=1e-6)
        (prediction,) = pipeline.interpret(
            runtime.run((decoded := pipeline.decode(Landmarks(values))).tensors), decoded
        )
        assert prediction.region_score == -1.0
    assert is_closed(pipeline.networks["finder"])


def test_another_first_network_is_another_answer(staged: ModuleType, tmp_path: Path) -> None:
    bundle = staged.make_bundle(tmp_path, finder=staged.network(-staged.FINDS))
    with (
        open_pipeline(bundle) as pipeline,
        closing(load_runtime(bundle.weights(), "onnx")) as runtime,
        pytest.raises(IntegrityError, match="does not compute what the trainer computed"),
    ):
        check_golden(bundle, "float32", pipeline, runtime)


def test_a_changed_network_is_not_opened(staged: ModuleType, tmp_path: Path) -> None:
    bundle = staged.make_bundle(tmp_path)
    file = bundle.path / "networks/finder.onnx"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"networks/finder\.onnx has SHA-256"):
        open_bundle(bundle.path)
    file.unlink()
    with pytest.raises(IntegrityError, match=r"networks/finder\.onnx is missing"):
        open_bundle(bundle.path)


def test_a_network_has_to_be_a_file_of_the_bundle(staged: ModuleType, tmp_path: Path) -> None:
    manifest = Manifest.model_validate(staged.document())
    with pytest.raises(InvalidInput, match=r"networks\.finder\.file: 'networks/finder\.onnx' is not in files"):
        write_bundle(tmp_path / "bundle", manifest, {"weights/float32.onnx": b"x", "golden.npz": b"x"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        ({"runtime": "tensorrt", "file": "a.onnx"}, r"networks\.finder\.runtime"),
        ({"runtime": "onnx", "file": "../a.onnx"}, r"networks\.finder\.file"),
        ({"runtime": "onnx"}, r"networks\.finder\.file"),
    ],
)
def test_a_wrong_description_is_named(
    staged: ModuleType, tmp_path: Path, network: dict[str, str], problem: str
) -> None:
    manifest = staged.make_bundle(tmp_path).manifest
    document = manifest.model_dump(mode="json") | {"networks": {"finder": network}}
    with pytest.raises(InvalidInput, match=problem):
        parse_manifest(_yaml(document))


def test_an_older_bundle_names_none_and_what_a_newer_one_says_of_a_network_is_kept(
    staged: ModuleType, tmp_path: Path
) -> None:
    document = staged.make_bundle(tmp_path).manifest.model_dump(mode="json")
    older = parse_manifest(_yaml({key: value for key, value in document.items() if key != "networks"}))
    assert older.networks == {}
    document["networks"]["finder"]["threads"] = 2
    newer = parse_manifest(_yaml(document))
    assert newer.model_dump(mode="json")["networks"]["finder"]["threads"] == 2


def test_a_pipeline_without_further_networks_is_made_of_the_manifest_alone(staged: ModuleType) -> None:
    document = staged.document() | {"networks": {}, "pipeline": {"name": "test.plain"}}
    manifest = Manifest.model_validate(document)
    pipeline: Any = load_pipeline(manifest)
    assert pipeline.manifest is manifest


def test_a_pipeline_is_not_made_without_the_networks_it_needs(staged: ModuleType) -> None:
    with pytest.raises(InvalidInput, match="names the networks finder, but none were opened"):
        load_pipeline(Manifest.model_validate(staged.document()))


def test_the_one_that_can_not_be_opened_is_named_and_others_are_closed(
    staged: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.onnx").write_bytes(staged.network(staged.FINDS))
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    loaded = []

    def load(*arguments: Any, **options: Any) -> Any:
        loaded.append(load_runtime(*arguments, **options))
        return loaded[-1]

    monkeypatch.setattr("pipit.pipelines.networks.load_runtime", load)
    good, bad = (Network(runtime="onnx", file=f"{name}.onnx") for name in ("good", "bad"))
    with (
        pytest.raises(InvalidInput, match="network 'second': "),
        open_networks({"first": good, "second": bad}, lambda file: tmp_path / file),
    ):
        pass
    assert [is_closed(runtime) for runtime in loaded] == [True]
    gone = Network(runtime="onnx", file="gone.onnx")
    with (
        pytest.raises(NotFound, match=r"network 'third': there is no model file gone\.onnx"),
        open_networks({"third": gone}, lambda file: tmp_path / file),
    ):
        pass


def _yaml(document: dict[str, Any]) -> bytes:
    from pipit.plain_yaml import dump_plain_yaml

    return dump_plain_yaml(document).encode()
