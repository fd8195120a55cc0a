"""`pipit bench`: how long each variant of a bundle takes on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from pipit.bundle import Bundle, open_bundle, read_golden
from pipit.cli.bundles import bundle_at, bundles_of
from pipit.cli.checks import processor
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.registry import megabytes
from pipit.cli.settings import CliSettings
from pipit.errors import NotFound
from pipit.inputs import Input
from pipit.pipelines.networks import open_pipeline
from pipit.runtimes.timing import Timing, time_calls, time_variants
from pipit.settings import load_settings
from pipit.types import Tensors


@dataclass(frozen=True, slots=True)
class Decoding:
    """Milliseconds of decoding one input. threads: of one run of a further network."""

    threads: int
    runs: int
    median_ms: float
    p95_ms: float


def bench(
    bundle: Annotated[str, typer.Argument(metavar="RUN|BUNDLE|TASK", help="Folder, or task: its newest bundle.")],
    *,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="Threads of one run; may be repeated. (default: 1 and all cores)")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each.")] = 100,
    warm_up: Annotated[int, typer.Option(min=0, help="Runs before that.")] = 10,
    json: JsonOption = False,
) -> None:
    """Time every variant of a bundle on this machine, and say which is the fastest.

    One run is the network alone over one row (one window of sound), of the bundle's first golden sample. Where a bundle
    holds further networks, decoding, which they are a part of, is timed too.

    For example:
      pipit bench TASK
      pipit bench runs/TASK/default-1a2b3c4d5e6f --threads 1 --threads 4 --json
    """
    opened = open_bundle(find_bundle(bundle))
    counts = sorted(set(threads or (1, os.cpu_count() or 1)))
    timings = time_variants(opened, first_row(opened), counts, runs, warm_up)
    decoding = time_decoding(opened, counts, runs, warm_up) if opened.manifest.networks else []
    name, features = processor()
    if json:
        facts = {"bundle": opened.manifest.name, "processor": name, "features": features}
        print_json({**facts, "timings": timings, "decoding": decoding})
        return
    _show(opened, timings)
    for one in decoding:
        print_line(
            f"decoding one input, with {', '.join(opened.manifest.networks)}, {one.threads} "
            f"thread{'s' if one.threads > 1 else ''}: {one.median_ms:.2f} ms (95 of 100 in {one.p95_ms:.2f})"
        )
    fastest = timings[0]
    print_line(
        f"fastest on this machine ({escape(name)}): [bold]{fastest.variant}[/bold] with {fastest.threads} "
        f"thread{'s' if fastest.threads > 1 else ''}, {fastest.median_ms:.2f} ms"
    )


def find_bundle(text: str) -> Path:
    """Of a folder as `bundle_at` finds it; for a task the bundle of its runs that was made last. Raises NotFound."""
    if Path(text).is_dir():
        return bundle_at(Path(text))
    runs = load_settings(CliSettings).runs
    bundles = bundles_of(runs, text)
    if not bundles:
        raise NotFound(f"there is no folder {text}, and {runs / text} has none of a task of that name; train it first")
    return bundles[-1]


def first_row(bundle: Bundle) -> Tensors:
    """One row of what the bundle's pipeline makes of its first golden sample."""
    with open_pipeline(bundle) as pipeline:
        decoded = pipeline.decode(_first_input(bundle))
    return {name: np.ascontiguousarray(values[:1]) for name, values in decoded.tensors.items()}


def time_decoding(bundle: Bundle, threads: Sequence[int], runs: int, warm_up: int) -> list[Decoding]:
    """The pipeline's part before the task's own network, over the first golden sample."""
    item = _first_input(bundle)
    decoding = []
    for count in threads:
        with open_pipeline(bundle, threads=count) as pipeline:
            decoding.append(Decoding(count, runs, *time_calls(partial(pipeline.decode, item), runs, warm_up)))
    return decoding


def _first_input(bundle: Bundle) -> Input:
    return read_golden(bundle.file(bundle.manifest.golden.file))[0].item


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
