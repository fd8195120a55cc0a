"""`pipit bench`: how long each variant of a bundle takes on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from pipit.bundle import GOLDEN_FILE, MANIFEST_FILE, Bundle, open_bundle, read_golden
from pipit.cli.checks import processor
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.registry import megabytes
from pipit.cli.settings import CliSettings
from pipit.errors import NotFound
from pipit.pipelines import Tensors
from pipit.runtimes.networks import open_pipeline
from pipit.runtimes.timing import Timing, time_variants
from pipit.settings import load_settings


def bench(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE|TASK", help="Folder, or task: its newest bundle.")],
    *,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="Threads of one run; may be repeated. (default: 1 and all cores)")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each.")] = 100,
    warm_up: Annotated[int, typer.Option(min=0, help="Runs before that.")] = 10,
    json: JsonOption = False,
) -> None:
    """Time every variant of a bundle on this machine, and say which is the fastest.

    One run is the network alone over one row (one window of sound), of the bundle's first golden sample.

    For example:
      pipit bench home_security.sounds
      pipit bench runs/home_security.sounds/default-1a2b3c4d5e6f/publish/bundle --threads 1 --threads 4 --json
    """
    opened = open_bundle(find_bundle(bundle))
    counts = sorted(set(threads or (1, os.cpu_count() or 1)))
    timings = time_variants(opened, first_row(opened), counts, runs, warm_up)
    name, features = processor()
    if json:
        print_json({"bundle": opened.manifest.name, "processor": name, "features": features, "timings": timings})
        return
    _show(opened, timings)
    fastest = timings[0]
    print_line(
        f"fastest on this machine ({escape(name)}): [bold]{fastest.variant}[/bold] with {fastest.threads} "
        f"thread{'s' if fastest.threads > 1 else ''}, {fastest.median_ms:.2f} ms"
    )


def find_bundle(text: str) -> Path:
    """A folder as it is; for a task the bundle of its runs that was made last. Raises NotFound."""
    if (Path(text) / MANIFEST_FILE).is_file():
        return Path(text)
    runs = load_settings(CliSettings).runs / text
    manifests = list(runs.glob(f"*/publish/bundle/{MANIFEST_FILE}"))
    if not manifests:
        raise NotFound(f"{text} is no bundle folder, and {runs} has none of a task of that name; train it first")
    return max(manifests, key=lambda path: path.stat().st_mtime).parent


def first_row(bundle: Bundle) -> Tensors:
    """One row of what the bundle's pipeline makes of its first golden sample."""
    samples = read_golden(bundle.file(GOLDEN_FILE))
    with open_pipeline(bundle) as pipeline:
        decoded = pipeline.decode(samples[0].item)
    return {name: np.ascontiguousarray(values[:1]) for name, values in decoded.tensors.items()}


def _show(bundle: Bundle, timings: Sequence[Timing]) -> None:
    rows = [
        (
            escape(timing.variant),
            timing.runtime,
            str(timing.threads),
            megabytes(timing.size),
            f"{timing.median_ms:.3f}",
            f"{timing.p95_ms:.3f}",
        )
        for timing in timings
    ]
    columns = ("variant", "runtime", ">threads", ">size", ">median ms", ">p95 ms")
    print_table(columns, rows, f"{bundle.manifest.task} {bundle.manifest.version}, {timings[0].runs} runs each")
