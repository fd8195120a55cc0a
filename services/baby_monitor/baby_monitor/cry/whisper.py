"""The encoder of Whisper tiny.en: log-mel of speech to what each of its layers makes of it.

    log-mel (n, 80, frames) ─> conv ─> GELU ─> conv, stride 2 ─> GELU ─> + positions ─> 4 blocks, 6 heads, 384 wide

Trained with transcripts on 680,000 hours of speech; used here as it is. Its paper: Radford et al., Robust speech
recognition via large-scale weak supervision (https://arxiv.org/abs/2212.04356). Weights: MIT (OpenAI), as half floats
by CTranslate2's names in `backbones/whisper_tiny_en/whisper_tiny_en_encoder_f16.npz`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pipit.errors import InvalidInput, NotFound
from torch import Tensor, nn

FILE = Path("backbones") / "whisper_tiny_en" / "whisper_tiny_en_encoder_f16.npz"
LAYERS, BANDS, HEAD_WIDTH = 4, 80, 64
"""LAYERS: of tiny.en. HEAD_WIDTH: the same in every size of Whisper."""


def whisper_file(data: Path | None) -> Path:
    """Where the weights lie below the folder of data sets. Raises NotFound."""
    path = None if data is None else data / FILE
    if path is None or not path.is_file():
        raise NotFound(
            f"Whisper's weights are not at {path or f'$PIPIT_DATA/{FILE}'}; `pipit data fetch whisper_tiny_en` "
            "gets them; or train the recipe `yamnet`"
        )
    return path


class Block(nn.Module):
    """Attention, then two linear layers, each behind a layer norm and beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, values: Tensor) -> Tensor:
        """(n, steps, width) to the same."""
        rows, steps, width = values.shape
        parts = self.queries_keys_values(self.norm(values)).reshape(rows, steps, 3, width // HEAD_WIDTH, HEAD_WIDTH)
        queries, keys, heard = parts.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(queries, keys, heard)
        values = values + self.out(attended.transpose(1, 2).reshape(rows, steps, width))
        result: Tensor = values + self.feed(self.feed_norm(values))
        return result


class Whisper(nn.Module):
    """The encoder; nothing in it is trained here."""

    def __init__(self, width: int, layers: int, longest: int) -> None:
        """longest: steps of 20 ms for which there are positions."""
        super().__init__()
        self.width, self.layers = width, layers
        self.first = nn.Conv1d(BANDS, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(longest, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for weight in self.parameters():
            weight.requires_grad_(False)

    def forward(self, log_mel: Tensor) -> Tensor:
        """(n, 80, frames) to (n, 1 + layers, steps, width): before the blocks, after each; the last normalised."""
        gelu = nn.functional.gelu
        values = gelu(self.second(gelu(self.first(log_mel)))).transpose(1, 2)
        values = values + self.positions[: values.shape[1]]
        layers = [values]
        for block in self.blocks:
            values = block(values)
            layers.append(values)
        layers[-1] = self.norm(values)
        return torch.stack(layers, dim=1)


def read_whisper(path: Path) -> Whisper:
    """With the weights of `path`, of as many layers as are there. Raises InvalidInput for another file."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            layers = sum(name.endswith("/ffn/linear_0/weight") for name in stored.files)
            state = {
                name: torch.from_numpy(np.asarray(stored[source], np.float32))
                for name, source in names_of(layers).items()
            }
        longest, width = state["positions"].shape
        encoder = Whisper(width, layers, longest)
        encoder.load_state_dict(state)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InvalidInput(f"{path} does not hold the encoder of Whisper tiny.en: {error}") from error
    return encoder.eval()


def names_of(layers: int) -> dict[str, str]:
    """Where each weight stands in the file, by our names."""
    names = {"positions": "encoder/position_encodings/encodings"}
    for ours, theirs in (("first", "conv1"), ("second", "conv2")):
        names |= {f"{ours}.{part}": f"encoder/{theirs}/{part}" for part in ("weight", "bias")}
    norms = {"norm": "encoder/layer_norm"}
    for i in range(layers):
        own, theirs = f"blocks.{i}", f"encoder/layer_{i}"
        norms |= {f"{own}.norm": f"{theirs}/self_attention/layer_norm", f"{own}.feed_norm": f"{theirs}/ffn/layer_norm"}
        linear = {
            f"{own}.queries_keys_values": f"{theirs}/self_attention/linear_0",
            f"{own}.out": f"{theirs}/self_attention/linear_1",
            f"{own}.feed.0": f"{theirs}/ffn/linear_0",
            f"{own}.feed.2": f"{theirs}/ffn/linear_1",
        }
        names |= {f"{a}.{part}": f"{b}/{part}" for a, b in linear.items() for part in ("weight", "bias")}
    names |= {f"{a}.weight": f"{b}/gamma" for a, b in norms.items()}
    return names | {f"{a}.bias": f"{b}/beta" for a, b in norms.items()}
