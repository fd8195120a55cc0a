"""Measures what a window of 7 s costs `baby_monitor.cry`: the gate, and each recipe's network, on one thread.

    python bench_cry.py

PIPIT_DATA must hold backbones. The processor's own time is taken, so that other work does not count. Networks
are not trained, for their size and speed do not depend on that; HuBERT and DistilHuBERT are of their real architecture,
with random weights. bundle_mb: of what serves, the gate's file with it. memory_mb: by how much a process grows at most
that loads a network and answers a window. Writes `cry_serving.csv`.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
from baby_monitor.cry.hearing import Hearing, shape_of
from baby_monitor.cry.hubert import Hubert
from baby_monitor.cry.hubert_download import BASE
from baby_monitor.cry.network import TAKES_OF, build_network
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.synthetic import CRIES, cry, crying
from baby_monitor.cry.task import CryTrainer
from baby_monitor.cry.whisper import Whisper, read_whisper, whisper_file
from measure import write_csv
from numpy.typing import NDArray
from pipit.pipelines.audio_windows import FrontEnd
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.torch_onnx import export_onnx
from transformers import HubertConfig, HubertModel

RUNS, REASONS = 25, 3
FEWEST, LONGEST = 7, 5_000.0
"""Of runs, once they took so many milliseconds together."""
PACKAGES = ("numpy", "torch", "transformers", "onnxruntime")
RECIPES = ("yamnet", "student", "whisper", "distilhubert", "hubert")
HUBERTS: dict[str, dict[str, Any]] = {
    "hubert": BASE,
    "distilhubert": {**BASE, "num_hidden_layers": 2, "feat_proj_layer_norm": False},
}
"""What transformers reads in the config.json of each."""
Row = dict[str, Any]


def main() -> None:
    """Measures, and writes the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    write_csv("cry_serving", list(_measured(data)), PACKAGES)


def _measured(data: Path) -> Iterator[Row]:
    with closing(load_runtime(yamnet_file(data), "onnx")) as gate:
        for name in RECIPES:
            recipe = load_recipe(find_recipe(CryTrainer.recipe_folder, "baby_monitor.cry", name), CryRecipe)
            features = recipe.features
            front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)
            hearing = Hearing(front_end, TAKES_OF[name], gate)
            window = crying(features.window_seconds)[np.newaxis]
            row = hearing(window)
            size = yamnet_file(data).stat().st_size
            hear = lambda hearing=hearing, window=window: hearing(window)  # noqa: E731
            memory = _memory(yamnet_file(data), {"input": np.zeros((14, 1, 96, 64), np.float32)})
            yield _row(name, "gate and features", "", (size, size), memory, hear)
            network = build_network(recipe, shape_of(front_end, TAKES_OF[name]), REASONS, _encoder(name, data))
            ranges = {"heard": hearing(_cries(front_end.samples))} if hearing.takes == "log_mel" else None
            for variant in recipe.export.variants:
                with TemporaryDirectory() as folder:
                    path = Path(folder) / f"{variant}.onnx"
                    export_onnx(network, {variant: path}, {"heard": row[0]}, "answers", ranges, network.any_length)
                    memory = _memory(path, {"heard": row})
                    with closing(load_runtime(path, "onnx")) as runtime:
                        run = lambda runtime=runtime, row=row: runtime.run({"heard": row})  # noqa: E731
                        own = path.stat().st_size
                        yield _row(name, "network", variant, (own, size + own), memory, run)


def _encoder(name: str, data: Path) -> Whisper | Hubert | None:
    if name in HUBERTS:
        return Hubert(HubertModel(HubertConfig(**HUBERTS[name]))).eval()
    return read_whisper(whisper_file(data)) if name == "whisper" else None


def _cries(samples: int) -> NDArray[np.float32]:
    """Windows of all reasons, (n, samples)."""
    several = [np.concatenate([cry(reason, n, [n, part]) for part in range(4)]) for reason in CRIES for n in range(8)]
    return np.stack(several)[:, :samples].astype(np.float32)


def _memory(network: Path, inputs: dict[str, NDArray[np.float32]]) -> float:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_grown, network, inputs).result()


def _grown(network: Path, inputs: dict[str, NDArray[np.float32]]) -> float:
    """In MB, of a process that has done nothing else: its peak, which loading may set."""
    # The peak begins anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    with closing(load_runtime(network, "onnx")) as runtime:
        runtime.run(inputs)
        return round((_peak() - before) * 1024 / 1e6, 1)


def _peak() -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def _row(
    recipe: str, what: str, variant: str, sizes: tuple[int, int], memory: float, call: Callable[[], object]
) -> Row:
    """sizes: bytes of the file, and of what serves."""
    call()
    taken: list[float] = []
    while len(taken) < RUNS and (len(taken) < FEWEST or sum(taken) < LONGEST):
        begun = process_time()
        call()
        taken.append(1_000.0 * (process_time() - begun))
    median = round(float(np.median(taken)), 2)
    given = {"recipe": recipe, "what": what, "variant": variant, "ms": median}
    mb, bundle = (round(size / 1e6, 2) for size in sizes)
    return {**given, "mb": mb, "bundle_mb": bundle, "memory_mb": memory, "runs": len(taken)}


if __name__ == "__main__":
    main()
