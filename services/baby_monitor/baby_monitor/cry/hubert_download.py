"""Fetches HuBERT base: `pipit data fetch hubert`."""

from __future__ import annotations

import json
from pathlib import Path

from pipit.data.download import download
from pipit.data.fetch import Fetched, FetchOptions
from pipit.data.sources import RemoteFile
from pipit.files import write_atomically

from baby_monitor.cry.hubert import CONFIG, FOLDERS

_REVISION = "dba3bb02fda4248b6e082697eee756de8fe8aa8a"
WEIGHTS = RemoteFile(
    url=f"https://huggingface.co/facebook/hubert-base-ls960/resolve/{_REVISION}/pytorch_model.bin",
    filename="hubert-base-ls960.bin",
    size=377_569_754,
    sha256="062249fffb353eab67547a2fbc129f7c31a2f459faf641b19e8fb007cc5c48ad",
)
BASE = {
    "model_type": "hubert",
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": False,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "feat_proj_layer_norm": True,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "conv_pos_batch_norm": False,
    "do_stable_layer_norm": False,
}
"""The paper's base network. Written beside the weights, so that one file of one digest is all that is fetched."""


def fetch_hubert(data: Path, options: FetchOptions) -> Fetched:
    """HuBERT base as transformers reads it. Raises what `download` raises."""
    folder = data / FOLDERS["hubert"]
    weights = folder / "pytorch_model.bin"
    already_there = weights.is_file() and (folder / CONFIG).is_file()
    if not already_there:
        download(WEIGHTS, weights, mirror=options.mirror, progress=options.progress, options=options.download)
        write_atomically(folder / CONFIG, (json.dumps(BASE, indent=1) + "\n").encode())
    size = weights.stat().st_size
    return Fetched("hubert", folder, 2, size, "Apache-2.0 (facebook/hubert-base-ls960)", already_there)
