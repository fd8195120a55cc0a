"""Measures what a window of 7 s costs `baby_monitor.cry`: the gate, and each recipe's network, on one thread.

    python bench_cry.py

PIPIT_DATA must hold backbones. The processor's own time is taken, so that other work does not count. Heads
are not trained, for their size and speed do not depend on that. Writes `cry_serving.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
from baby_monitor.cry.hearing import Hearing, shape_of
from baby_monitor.cry.network import TAKES_OF, build_network
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.synthetic import crying
from baby_monitor.cry.task import CryTrainer
from baby_monitor.cry.whisper import read_whisper, whisper_file
from measure import write_csv
from pipit.pipelines.audio_windows import FrontEnd
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.torch_onnx import export_onnx

RUNS, REASONS = 25, 3
PACKAGES = ("numpy", "torch", "onnxruntime")
Row = dict[str, Any]


def main() -> None:
    """Measures, and writes the table."""
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    write_csv("cry_serving", list(_measured(data)), PACKAGES)


def _measured(data: Path) -> Iterator[Row]:
    with closing(load_runtime(yamnet_file(data), "onnx")) as gate:
        for name in ("yamnet", "whisper"):
            recipe = load_recipe(find_recipe(CryTrainer.recipe_folder, "baby_monitor.cry", name), CryRecipe)
            features = recipe.features
            front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)
            hearing = Hearing(front_end, TAKES_OF[name], gate)
            window = crying(features.window_seconds)[np.newaxis]
            row = hearing(window)
            size = yamnet_file(data).stat().st_size
            yield _row(name, "gate and features", "", size, lambda hearing=hearing, window=window: hearing(window))
            encoder = read_whisper(whisper_file(data)) if name == "whisper" else None
            network = build_network(recipe, shape_of(front_end, TAKES_OF[name]), REASONS, encoder)
            for variant in recipe.export.variants:
                with TemporaryDirectory() as folder:
                    path = Path(folder) / f"{variant}.onnx"
                    export_onnx(network, variant, path, {"heard": row[0]}, "answers")
                    with closing(load_runtime(path, "onnx")) as runtime:
                        run = lambda runtime=runtime, row=row: runtime.run({"heard": row})  # noqa: E731
                        yield _row(name, "network", variant, path.stat().st_size, run)


def _row(recipe: str, what: str, variant: str, size: int, call: Callable[[], object]) -> Row:
    call()
    taken = []
    for _ in range(RUNS):
        begun = process_time()
        call()
        taken.append(1_000.0 * (process_time() - begun))
    median = round(float(np.median(taken)), 2)
    return {"recipe": recipe, "what": what, "variant": variant, "ms": median, "mb": round(size / 1e6, 2), "runs": RUNS}


if __name__ == "__main__":
    main()
