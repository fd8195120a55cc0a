from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from baby_monitor.cry import hubert_download
from baby_monitor.cry.fitting import fit_network
from baby_monitor.cry.hubert import CONFIG, FOLDERS, hubert_files, read_hubert
from baby_monitor.cry.network import Gated, build_network
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.speech import Encoded
from baby_monitor.cry.stream import INPUT
from baby_monitor.cry.task import CryTrainer
from baby_monitor.cry.tuning import mask_time, varied
from pipit.bundle import open_bundle
from pipit.bundle.golden import check_golden
from pipit.data.fetch import FetchOptions, load_download
from pipit.errors import IntegrityError, InvalidInput, NotFound
from pipit.pipelines.served import serve_bundle
from pipit.training.cache import ArrayCache
from pipit.training.fitting import Fitted
from pipit.training.progress import LogProgress
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pipit.training.torch_data import Samples
from pipit.training.torch_fit import seed_everything
from transformers import HubertConfig, HubertModel

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
"""Of a HuBERT with random weights: the real one's can't be had by a test."""


def write_encoder(folder: Path, layers: int) -> Path:
    torch.manual_seed(layers)
    HubertModel(HubertConfig(num_hidden_layers=layers, **SIZES)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("hubert"), 3)


def recipe_of(name: str, **changes: Any) -> CryRecipe:
    return load_recipe(find_recipe(CryTrainer.recipe_folder, "baby_monitor.cry", name), CryRecipe, changes)


def test_the_encoder_is_transformers_own_at_any_level(folder: Path) -> None:
    encoder = read_hubert(folder / CONFIG, folder / "model.safetensors")
    samples = torch.randn(2, 8_000)
    scaled = (samples - samples.mean(dim=1, keepdim=True)) / samples.std(dim=1, correction=0, keepdim=True)
    with torch.inference_mode():
        theirs = HubertModel.from_pretrained(folder).eval()(scaled, output_hidden_states=True)
        layers = encoder(samples)
        torch.testing.assert_close(encoder(0.01 * samples + 0.2), layers, atol=1e-3, rtol=1e-3)
    assert layers.shape == (2, 4, 24, 32)
    torch.testing.assert_close(layers[:, -1], theirs.last_hidden_state, atol=1e-5, rtol=1e-5)
    assert not any(weight.requires_grad for weight in encoder.parameters())


def small(folder: Path, **tuning: Any) -> tuple[CryRecipe, Gated]:
    settings = {"layers": 2, "learning_rate": 0.002, "epochs": 2, "batch_size": 4, "accumulate": 2, **tuning}
    recipe = recipe_of("hubert", epochs=2, batch_size=8, encoder_folder=str(folder), tuning=settings)
    encoder = read_hubert(folder / CONFIG, folder / "model.safetensors")
    seed_everything(1)
    return recipe, build_network(recipe, (6_000,), 2, encoder)


def sides() -> tuple[Samples, Samples]:
    """Tones of two heights, which random convolutions tell apart."""
    generator = np.random.default_rng(4)

    def made(count: int) -> Samples:
        truth = np.arange(count) % 2
        times = np.arange(6_000) / 16_000
        heights = np.where(truth, 1_200.0, 300.0)[:, None] * generator.uniform(0.9, 1.1, (count, 1))
        sounds = 0.3 * np.sin(2 * np.pi * heights * times) + generator.normal(0.0, 0.02, (count, 6_000))
        rows = np.concatenate([np.ones((count, 1)), sounds], axis=1).astype(np.float32)
        return Samples({INPUT: rows}, truth.astype(np.int64))

    return made(16), made(8)


def trained(recipe: CryRecipe, network: Gated, folder: Path) -> Fitted:
    train, validation = sides()
    cache, scratch, logs = ArrayCache(folder / "cache"), folder / "scratch", folder / "logs"
    scratch.mkdir(parents=True, exist_ok=True)
    return fit_network(network, recipe, 2, train, validation, cache, scratch, logs, LogProgress())


@pytest.mark.slow
def test_the_head_learns_first_and_then_the_last_layers_too(folder: Path, tmp_path: Path) -> None:
    recipe, network = small(folder)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    fitted = trained(recipe, network, tmp_path / "once")
    assert len(fitted.history["val_loss"]) == 4
    assert fitted.history["learning_rate"][2] == pytest.approx(0.002)
    assert fitted.best_epoch >= 2
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, kept[name])}
    blocks = {name.split(".")[5] for name in changed if ".encoder.layers." in name}
    assert blocks == {"1", "2"}
    assert not any("feature_extractor" in name or "pos_conv" in name for name in changed)
    assert not any(weight.requires_grad for weight in network.head.encoder.parameters())
    # Interrupted after the head, it ends with the very same weights.
    (tmp_path / "again" / "scratch").mkdir(parents=True)
    (tmp_path / "once" / "scratch" / "head.pt").rename(tmp_path / "again" / "scratch" / "head.pt")
    recipe, resumed = small(folder)
    again = trained(recipe, resumed, tmp_path / "again")
    assert again.history["val_loss"] == fitted.history["val_loss"]
    for name, value in network.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0.0, atol=0.0)


@pytest.mark.slow
def test_layers_that_made_it_worse_are_put_back(folder: Path, tmp_path: Path) -> None:
    recipe, network = small(folder, learning_rate=30.0, epochs=1)
    kept = {name: value.clone() for name, value in network.head.encoder.state_dict().items()}
    fitted = trained(recipe, network, tmp_path)
    assert fitted.best_epoch < 2
    for name, value in network.head.encoder.state_dict().items():
        torch.testing.assert_close(value, kept[name], rtol=0.0, atol=0.0)


def test_lower_layers_learn_more_slowly_and_the_rest_stays(folder: Path) -> None:
    encoder = read_hubert(folder / CONFIG, folder / "model.safetensors")
    tuned = encoder.tune(2)
    assert [id(parameters[0]) for parameters in tuned] == [
        id(next(iter(encoder.model.encoder.layers[place].parameters()))) for place in (2, 1)
    ]
    assert [block.training for block in encoder.model.encoder.layers] == [False, True, True]
    assert all(block.gradient_checkpointing for block in encoder.model.encoder.layers)
    assert not encoder.model.training
    encoder.settled()
    assert not any(block.training or block.gradient_checkpointing for block in encoder.model.encoder.layers)


def test_sounds_are_varied_and_the_gate_s_score_is_not() -> None:
    settings = recipe_of("hubert").augmentation.model_copy(update={"probability": 1.0})
    assert settings.pitch_shift == (-2.0, 2.0)
    rows = np.random.default_rng(5).normal(0.0, 0.1, (2, 1 + 32_000)).astype(np.float32)
    rows[:, 0] = 0.7
    before = rows.copy()
    inputs, targets = varied(settings)({INPUT: rows}, np.array([0, 1]), np.random.default_rng(6))
    np.testing.assert_array_equal(inputs[INPUT][:, 0], np.float32([0.7, 0.7]))
    assert targets.tolist() == [0, 1]
    assert np.abs(inputs[INPUT][:, 1:] - before[:, 1:]).mean() > 0.01
    masked = mask_time(np.ones(1_000, np.float32), settings, np.random.default_rng(7))
    assert 0 < (masked == 0.0).sum() <= 2 * 0.1 * 1_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layers", "tuned"), [("hubert", 2, 1), ("distilhubert", 2, 0)])
def test_it_trains_and_is_served_with_the_gate_in_8_bits(
    name: str, layers: int, tuned: int, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    (folder / "backbones").mkdir(parents=True)
    for part in (*data.iterdir(), *(data / "backbones").iterdir()):
        if part.name != "backbones":
            (folder / part.relative_to(data)).symlink_to(part)
    write_encoder(folder / FOLDERS[name], layers)
    changes: dict[str, Any] = {
        "network": name,
        "gate": "yamnet",
        "data": [
            {"kind": "cries", "path": "synthetic_cry", "licence": ""},
            {"kind": "background", "path": "quiet", "licence": "", "piece_seconds": 2.0},
        ],
        "episodes": {"enter": 0.5, "exit": 0.3, "hits": 2, "answer_after": 4},
        "epochs": 10,
        "optimiser": {"learning_rate": 0.01},
        "tuning": {"layers": tuned, "learning_rate": 0.001, "epochs": 1, "accumulate": 2},
        "export": {"default_variant": "int8"},
    }
    trainer = CryTrainer(recipe_of("synthetic", **changes), folder)
    with open_run(trainer, tmp_path / "runs") as run:
        run_steps(run, actions_of(trainer))
        bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
        network = trainer.kit.load(run.output("fit"), lambda: trainer.build(run))
        kept = torch.load(run.output("fit") / f"{FOLDERS[name].name}_emotion.pt", weights_only=True)
    assert bundle.manifest.metrics["cries.accuracy"].value > 0.5
    with serve_bundle(open_bundle(bundle.path)) as served:
        assert check_golden(bundle, "int8", served.pipeline, served.runtime) == 0.0
    sizes = {variant: bundle.weights(variant).stat().st_size for variant in ("float32", "int8")}
    assert sizes["int8"] < 0.8 * sizes["float32"]
    # The guide's file: transformers takes the encoder out of it as it is.
    assert kept["labels"] == list(bundle.manifest.labels[1:])
    theirs = HubertModel(HubertConfig(**kept["config"]))
    theirs.load_state_dict(kept["hubert"])
    assert isinstance(network.head, Encoded)
    torch.testing.assert_close(kept["head"]["last.weight"], network.head.head.last.weight)
    # Exported, it hears any length as the trained network does.
    session = onnxruntime.InferenceSession(bundle.weights("float32"))
    for length in (16_000, 40_123):
        rows = np.random.default_rng(length).normal(0.0, 0.1, (3, 1 + length)).astype(np.float32)
        with torch.inference_mode():
            wanted = network(torch.from_numpy(rows)).numpy()
        np.testing.assert_allclose(session.run(None, {INPUT: rows})[0], wanted, atol=1e-4)


def test_it_is_fetched_and_read_as_transformers_has_it(
    tmp_path: Path, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = HubertModel(HubertConfig(num_hidden_layers=1, **SIZES)).state_dict()
    old = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}
    for ours, theirs in old.items():
        state = {name.replace(ours, theirs): value for name, value in state.items()}
    torch.save(dict(state), tmp_path / "weights.bin")
    content = (tmp_path / "weights.bin").read_bytes()
    monkeypatch.setattr(hubert_download, "BASE", {"model_type": "hubert", "num_hidden_layers": 1, **SIZES})
    file_server.files[hubert_download.WEIGHTS.filename] = content
    options = FetchOptions(mirror=file_server.url)
    with pytest.raises(IntegrityError, match="is not the file that Pipit knows"):
        load_download("hubert")(tmp_path, options)
    pinned = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    monkeypatch.setattr(hubert_download, "WEIGHTS", replace(hubert_download.WEIGHTS, **pinned))
    assert not load_download("hubert")(tmp_path, options).already_there
    files = hubert_files(recipe_of("hubert"), tmp_path)
    assert list(files) == [f"backbones/hubert-base-ls960/{name}" for name in (CONFIG, "pytorch_model.bin")]
    read = read_hubert(*files.values()).model.state_dict()
    for name, value in state.items():
        if "pos_conv_embed.conv.weight" not in name:
            torch.testing.assert_close(read[name], value, rtol=0.0, atol=0.0)
    asked = len(file_server.requests)
    assert load_download("hubert")(tmp_path, options).already_there
    assert len(file_server.requests) == asked


def test_the_documentation_names_the_file_that_a_mirror_needs() -> None:
    document = Path(__file__).parents[4] / "docs" / "command-line.md"
    assert f"`{hubert_download.WEIGHTS.filename}`" in document.read_text("utf-8")


def test_the_pinned_network_is_the_library_s_base() -> None:
    """Its defaults are HuBERT base's; the digest holds for weights of these shapes alone."""
    base = HubertConfig().to_dict()
    written = json.loads(json.dumps(hubert_download.BASE))
    assert {name: json.loads(json.dumps(base[name])) for name in written} == written
    with torch.device("meta"):
        count = sum(weight.numel() for weight in HubertModel(HubertConfig(**hubert_download.BASE)).parameters())
    assert count == 94_371_712


def test_what_is_missing_or_wrong_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, says in (("hubert", "pipit data fetch hubert"), ("distilhubert", "hf download ntu-spml/distilhubert")):
        with pytest.raises(NotFound, match=says):
            hubert_files(recipe_of(name), tmp_path)
    files = hubert_files(recipe_of("hubert", encoder_folder=str(folder)), tmp_path)
    assert [path.parent for path in files.values()] == [folder, folder]
    assert list(files) == [f"{folder.name}/{name}" for name in (CONFIG, "model.safetensors")]
    other = tmp_path / "other"
    HubertModel(HubertConfig(num_hidden_layers=1, **SIZES)).save_pretrained(other)
    for change, says in (({"num_hidden_layers": 2}, "it lacks encoder"), ({"model_type": "bert"}, "is not hubert")):
        (other / CONFIG).write_text(json.dumps(json.loads((other / CONFIG).read_text()) | change))
        with pytest.raises(InvalidInput, match=says):
            read_hubert(other / CONFIG, other / "model.safetensors")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InvalidInput, match=r"needs the package transformers.*services/baby_monitor\[train\]"):
        read_hubert(folder / CONFIG, folder / "model.safetensors")
