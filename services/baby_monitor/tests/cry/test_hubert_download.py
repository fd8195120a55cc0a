from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from baby_monitor.cry import hubert_download
from baby_monitor.cry.hubert import CONFIG, hubert_files, read_hubert
from baby_monitor.cry.recipe import CryRecipe
from pipit.data.fetch import FetchOptions, load_download
from pipit.errors import IntegrityError
from transformers import HubertConfig, HubertModel


def test_it_is_fetched_and_read_as_transformers_has_it(
    tmp_path: Path,
    file_server: Any,
    make_hubert: Callable[[int], Any],
    recipe_of: Callable[..., CryRecipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = make_hubert(1)
    state = network.state_dict()
    old = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}
    for ours, theirs in old.items():
        state = {name.replace(ours, theirs): value for name, value in state.items()}
    torch.save(dict(state), tmp_path / "weights.bin")
    content = (tmp_path / "weights.bin").read_bytes()
    monkeypatch.setattr(hubert_download, "BASE", network.config.to_diff_dict())
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
