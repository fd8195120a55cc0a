from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from baby_monitor.cry.hubert import CONFIG, FOLDERS, Hubert, hubert_files, read_hubert
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.speech import Encoded
from baby_monitor.cry.stream import INPUT
from pipit.bundle import open_bundle
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput, NotFound
from pipit.pipelines.served import serve_bundle
from transformers import HubertConfig, HubertModel


def test_the_encoder_is_transformers_own_at_any_level(hubert_folder: Path, encoder: Hubert) -> None:
    samples = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(1))
    scaled = (samples - samples.mean(dim=1, keepdim=True)) / samples.std(dim=1, correction=0, keepdim=True)
    with torch.inference_mode():
        theirs = HubertModel.from_pretrained(hubert_folder).eval()(scaled, output_hidden_states=True)
        layers = encoder(samples)
        torch.testing.assert_close(encoder(0.01 * samples + 0.2), layers, atol=1e-3, rtol=1e-3)
    assert layers.shape == (2, 4, 24, 32)
    # One divides by the deviation, the other multiplies: what they begin with differs in its last digits.
    torch.testing.assert_close(layers[:, -1], theirs.last_hidden_state, atol=1e-4, rtol=1e-4)
    assert not any(weight.requires_grad for weight in encoder.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layers", "tuned"), [("hubert", 2, 1), ("distilhubert", 2, 0)])
def test_it_trains_and_is_served_with_the_gate_in_8_bits(
    name: str, layers: int, tuned: int, make_hubert: Callable[[int], Any], train_on_cries: Callable[..., Any]
) -> None:
    bundle, network, fit = train_on_cries(
        name,
        lambda folder: make_hubert(layers).save_pretrained(folder / FOLDERS[name]),
        tuning={"layers": tuned, "learning_rate": 0.001, "epochs": 1, "accumulate": 2},
    )
    kept = torch.load(fit / f"{FOLDERS[name].name}_emotion.pt", weights_only=True)
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


def test_what_is_missing_or_wrong_is_said(
    hubert_folder: Path,
    tmp_path: Path,
    make_hubert: Callable[[int], Any],
    recipe_of: Callable[..., CryRecipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, says in (("hubert", "pipit data fetch hubert"), ("distilhubert", "hf download ntu-spml/distilhubert")):
        with pytest.raises(NotFound, match=says):
            hubert_files(recipe_of(name), tmp_path)
    files = hubert_files(recipe_of("hubert", encoder_folder=str(hubert_folder)), tmp_path)
    assert [path.parent for path in files.values()] == [hubert_folder, hubert_folder]
    assert list(files) == [f"{hubert_folder.name}/{name}" for name in (CONFIG, "model.safetensors")]
    other = tmp_path / "other"
    make_hubert(1).save_pretrained(other)
    for change, says in (({"num_hidden_layers": 2}, "it lacks encoder"), ({"model_type": "bert"}, "is not hubert")):
        (other / CONFIG).write_text(json.dumps(json.loads((other / CONFIG).read_text()) | change))
        with pytest.raises(InvalidInput, match=says):
            read_hubert(other / CONFIG, other / "model.safetensors")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InvalidInput, match=r"needs the package transformers.*services/baby_monitor\[train\]"):
        read_hubert(hubert_folder / CONFIG, hubert_folder / "model.safetensors")
