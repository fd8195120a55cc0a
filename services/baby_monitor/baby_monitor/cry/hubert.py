"""HuBERT: samples of speech to what each of its layers makes of them, by transformers' own network.

    samples (n, any) ─> mean 0, deviation 1 ─> 7 convolutions, 50 steps a second ─> 12 blocks (DistilHuBERT: 2)

Trained without transcripts on 960 hours of LibriSpeech: Hsu et al. (https://arxiv.org/abs/2106.07447); DistilHuBERT:
Chang et al. (https://arxiv.org/abs/2110.01900). Whatever transformers calls a `hubert` may stand in the folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pipit.errors import InvalidInput, NotFound
from pipit.installed import how_to_install
from torch import Tensor, nn

from baby_monitor.cry.recipe import CryRecipe

FOLDERS = {
    "hubert": Path("backbones") / "hubert-base-ls960",
    "distilhubert": Path("backbones") / "distilhubert",
}
"""Below the folder of data sets, by network."""
CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_HOW = {
    "hubert": "`pipit data fetch hubert` gets it",
    "distilhubert": "`hf download ntu-spml/distilhubert --local-dir {folder}` gets it",
}


def hubert_files(recipe: CryRecipe, data: Path | None) -> dict[str, Path]:
    """The configuration and the weights, by their names below the data folder. Raises NotFound."""
    named = Path(recipe.encoder_folder) if recipe.encoder_folder else FOLDERS[recipe.network]
    folder = named if data is None else data / named
    weights = [name for name in WEIGHTS if (folder / name).is_file()]
    if not weights or not (folder / CONFIG).is_file():
        how = _HOW[recipe.network].format(folder=folder)
        raise NotFound(
            f"{folder} does not hold {CONFIG} and {' or '.join(WEIGHTS)}; {how}, or let the recipe's encoder_folder "
            "name a folder that has them; or train the recipe `yamnet`"
        )
    # No name in a bundle tells where things lie on this machine.
    known_as = Path(named.name) if named.is_absolute() else named
    return {(known_as / name).as_posix(): folder / name for name in (CONFIG, weights[0])}


class Hubert(nn.Module):
    """The encoder; nothing in it is trained unless `tune` says so."""

    def __init__(self, model: Any) -> None:
        """model: transformers' HubertModel."""
        super().__init__()
        self.model = model
        self.layers, self.width = int(model.config.num_hidden_layers), int(model.config.hidden_size)
        self.requires_grad_(False)

    def forward(self, samples: Tensor) -> Tensor:
        """(n, samples) at 16 kHz to (n, 1 + layers, steps, width): before the blocks, and after each."""
        centred = samples - samples.mean(dim=1, keepdim=True)
        scaled = centred * torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + 1e-7)
        return torch.stack(self.model(scaled, output_hidden_states=True).hidden_states, dim=1)

    def tune(self, layers: int) -> list[list[nn.Parameter]]:
        """Sets the last `layers` blocks to be trained, to save memory by computing twice; gives their weights.

        The last block comes first. Everything below stays as it is, without dropout.
        """
        self.eval()
        self.model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        blocks = list(self.model.encoder.layers)[::-1][:layers]
        for block in blocks:
            block.train().requires_grad_(True)
        return [list(block.parameters()) for block in blocks]

    def settled(self) -> None:
        """Undoes what `tune` set."""
        self.requires_grad_(False).eval()
        self.model.activation_checkpointing_disable()

    @property
    def config(self) -> dict[str, Any]:
        """As transformers writes it, of JSON's types."""
        found: dict[str, Any] = json.loads(self.model.config.to_json_string())
        return found


def read_hubert(config: Path, weights: Path) -> Hubert:
    """The network of a folder. Raises InvalidInput for another one, and without transformers."""
    try:
        from transformers import HubertModel  # noqa: PLC0415
        from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415
    except ImportError as error:
        raise InvalidInput(
            f"HuBERT needs the package transformers, which is not installed; {how_to_install('baby_monitor', 'train')}"
        ) from error
    try:
        disable_progress_bar()
        model = _read(HubertModel, config, weights)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InvalidInput(f"{weights.parent} does not hold a HuBERT: {error}") from error
    return Hubert(model).eval()


def _read(kind: Any, config: Path, weights: Path) -> Any:
    if json.loads(config.read_bytes()).get("model_type") != "hubert":
        raise ValueError(f"the model_type in {CONFIG} is not hubert")
    model, told = kind.from_pretrained(
        str(weights.parent),
        local_files_only=True,
        use_safetensors=weights.suffix == ".safetensors",
        dtype=torch.float32,
        output_loading_info=True,
    )
    # Of what a folder lacks, transformers would make something up; what only masks while pretraining is not used.
    if missing := sorted(set(told["missing_keys"]) - {"masked_spec_embed"}):
        raise ValueError(f"it lacks {missing[0]} and {len(missing) - 1} more weights")
    return model
