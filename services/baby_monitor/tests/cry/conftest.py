"""Synthetic cries, small networks in place of YAMNet and HuBERT, trainings on them, and manifests for the pipeline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
import torch
from baby_monitor.cry.hubert import CONFIG, Hubert, read_hubert
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.synthetic import RATE, room, write_synthetic_set
from baby_monitor.cry.task import CryTrainer
from onnx import TensorProto, helper, numpy_helper
from pipit.bundle import Bundle
from pipit.bundle.manifest import Manifest
from pipit.runtimes import Runtime, load_runtime
from pipit.training.by_input.audio.networks.yamnet_file import FILE
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from transformers import HubertConfig, HubertModel

LABELS = ("no_cry", "hungry", "pain")
EPISODES = {"enter": 0.5, "exit": 0.3, "hits": 2, "answer_after": 4}
WINDOW, HOP = 2.0, 1.0
SMALL_HUBERT: dict[str, Any] = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets: synthetic cries, recordings of noise, and in YAMNet's place a network of a few numbers."""
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_set(folder / "synthetic_cry")
    (folder / "quiet").mkdir()
    for number in range(8):
        soundfile.write(folder / "quiet" / f"room{number}.wav", room(6.0, number), RATE)
    (folder / FILE).parent.mkdir()
    write_gate(folder / FILE)
    return folder


def write_gate(path: Path) -> None:
    """Patches (n, 1, 96, 64) to `embedding` (n, 1024) and `scores` (n, 521), as YAMNet's file gives them.

    The embedding begins with the mean of each band; class 20 is heard where one band stands out, as of a voice.
    """
    spread = np.zeros((64, 1024), np.float32)
    spread[:, :64] = np.eye(64)
    chosen = np.zeros((1, 521), np.float32)
    chosen[0, 20] = 1.0
    stored = {
        "spread": spread,
        "chosen": chosen,
        "steepness": np.array(4.0, np.float32),
        "enough": np.array(1.5, np.float32),
        "axes": np.array([1, 2], np.int64),
        "bands": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "spread"], ["embedding"]),
        helper.make_node("ReduceMax", ["means", "bands"], ["loudest"], keepdims=1),
        helper.make_node("ReduceMean", ["means", "bands"], ["usual"], keepdims=1),
        helper.make_node("Sub", ["loudest", "usual"], ["above"]),
        helper.make_node("Sub", ["above", "enough"], ["over"]),
        helper.make_node("Mul", ["over", "steepness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["score"]),
        helper.make_node("MatMul", ["score", "chosen"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "gate",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 1, 96, 64])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 1024]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 521]),
        ],
        [numpy_helper.from_array(values, name) for name, values in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    onnx.save(model, path)


@pytest.fixture(scope="session")
def gate(data: Path) -> Iterator[Runtime]:
    runtime = load_runtime(data / FILE, "onnx")
    yield runtime
    runtime.close()


@pytest.fixture(scope="session")
def make_manifest() -> Callable[..., Manifest]:
    """Of a bundle with a gate; only what the pipeline looks at means anything."""

    def make(labels: tuple[str, ...] = LABELS, **parameters: object) -> Manifest:
        digest = hashlib.sha256(b"").hexdigest()
        window = {"front_end": "yamnet", "window_seconds": WINDOW, "hop_seconds": HOP}
        return Manifest.model_validate(
            {
                "task": "baby_monitor.cry",
                "version": "1.0.0",
                "model_type": "yamnet",
                "created_at": "2026-01-01T00:00:00Z",
                "labels": labels,
                "input": {"kind": "audio"},
                "pipeline": {
                    "name": "baby_monitor.cry",
                    "parameters": {**window, "takes": "embedding", "episodes": EPISODES, **parameters},
                },
                "variants": [{"name": "float32", "runtime": "onnx", "file": "float32.onnx"}],
                "default_variant": "float32",
                "networks": {"yamnet": {"runtime": "onnx", "file": "yamnet.onnx"}},
                "decision": {"background": "no_cry", "unknown_below": 0.6, "thresholds": {"hungry": 0.7, "pain": 0.9}},
                "golden": {"tolerance": {"float32": 0.001}},
                "lineage": {
                    "dataset_digest": digest,
                    "split_rule": "",
                    "config_digest": digest,
                    "code_version": "",
                    "seed": 1,
                },
                "files": {},
            }
        )

    return make


@pytest.fixture(scope="session")
def make_hubert() -> Callable[[int], Any]:
    """transformers' network of so many layers, with random weights: the real one's can't be had by a test."""

    def make(layers: int) -> Any:
        torch.manual_seed(layers)
        return HubertModel(HubertConfig(num_hidden_layers=layers, **SMALL_HUBERT))

    return make


@pytest.fixture(scope="session")
def hubert_folder(tmp_path_factory: pytest.TempPathFactory, make_hubert: Callable[[int], Any]) -> Path:
    """One of three layers, as transformers keeps it."""
    folder = tmp_path_factory.mktemp("hubert")
    make_hubert(3).save_pretrained(folder)
    return folder


@pytest.fixture
def encoder(hubert_folder: Path) -> Hubert:
    """The same as the task reads it."""
    return read_hubert(hubert_folder / CONFIG, hubert_folder / "model.safetensors")


@pytest.fixture(scope="session")
def recipe_of() -> Callable[..., CryRecipe]:
    """A recipe by its name, with changes."""

    def load(name: str, **changes: Any) -> CryRecipe:
        return load_recipe(find_recipe(CryTrainer.recipe_folder, "baby_monitor.cry", name), CryRecipe, changes)

    return load


@pytest.fixture
def train_on_cries(data: Path, tmp_path: Path, recipe_of: Callable[..., CryRecipe]) -> Callable[..., Any]:
    """Trains a network on synthetic cries, with a gate: the bundle, the trained network, the folder of `fit`."""

    def train(network: str, write: Callable[[Path], object], **changes: Any) -> tuple[Bundle, Any, Path]:
        """write: puts what else is needed, such as an encoder, into a folder of data sets."""
        folder = tmp_path / "data"
        (folder / "backbones").mkdir(parents=True)
        for part in (*data.iterdir(), *(data / "backbones").iterdir()):
            if part.name != "backbones":
                (folder / part.relative_to(data)).symlink_to(part)
        write(folder)
        settings: dict[str, Any] = {
            "network": network,
            "gate": "yamnet",
            "data": [
                {"kind": "cries", "path": "synthetic_cry", "licence": ""},
                {"kind": "background", "path": "quiet", "licence": "", "piece_seconds": 2.0},
            ],
            "episodes": EPISODES,
            "epochs": 10,
            "optimiser": {"learning_rate": 0.01},
            "export": {"default_variant": "int8"},
        }
        trainer = CryTrainer(recipe_of("synthetic", **(settings | changes)), folder)
        with open_run(trainer, tmp_path / "runs") as run:
            run_steps(run, actions_of(trainer))
            bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
            return bundle, trainer.kit.load(run.output("fit"), lambda: trainer.build(run)), run.output("fit")

    return train
