"""How a server's cost grows, in five sweeps that can be run one by one:

callers   1 to 256 callers that send clips of 5 s, at the default queue and at a long one
bundle    weights of 0.1 to 50 MB: start, memory, a call
tasks     1 to 8 bundles in one server: start, memory, a call
classes   2 to 1,000 labels: a call, and the bytes of its answer
clip      recordings of 1 to 300 s: a call by stage

`callers` and `clip` take a bundle of `pipit train home_security.sounds`; the others make theirs. Servers are real
processes with default settings but for what a row says; the callers are h2load (Debian: nghttp2-client). The rows of
sweeps that are not measured this time stay in docs/measured/growth.csv; `draw_growth.py` draws them.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

import grpc
import numpy as np
from bench_peers import recording
from bench_start import wait_until_good
from grpc_health.v1 import health_pb2
from layers_bundle import SAMPLE, Layers, layers_bundle
from layers_pipeline import PIPELINE, LayersPipeline
from measure import MEASURED, write_csv
from peer_calls import CLASSIFY, Call, Inputs, NotYet, Scores, differences, pipit_calls
from peer_load import load, processor_seconds, proportional_mib
from peer_servers import TOLERANCE, Running, Server, make_site, pipit_server, running
from peer_tables import read_rows
from peers.work import Work
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.cli.demo.processes import free_port
from servers import arguments

NAME = "growth"
CALLERS, LONG_QUEUE = (1, 4, 16, 64, 256), 512
MEGABYTES = (0.1, 1.0, 10.0, 50.0)
TASKS = (1, 2, 4, 8)
LABELS, TOP = (2, 20, 200, 1000), (0, 5)
CLIPS = (1, 5, 15, 30, 60, 120, 300)
"""Seconds. A server takes no more than 120, so that the last is refused."""
SETTLE_SECONDS, SETTLE_CALLERS = 1.5, 16
"""Before the first load of clips, so that the server has begun its workers."""
LEFT = ("CANCELLED", "DEADLINE_EXCEEDED")
"""What a server says of calls whose caller is gone."""
REQUESTS = re.compile(r'^pipit_requests_total\{code="(\w+)".*\} (\S+)$', re.MULTILINE)
Row = dict[str, object]


def _health(answer: bytes) -> Scores:
    status = health_pb2.HealthCheckResponse.FromString(answer).status
    if status != health_pb2.HealthCheckResponse.SERVING:
        raise NotYet(f"health is {status}")
    return {"serving": 1.0}


SERVING = Call("grpc", "/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest().SerializeToString(), _health)
"""Answered once all tasks of a server can be asked."""


def landmarks_call(task: str, top_k: int = 0) -> Call:
    """Of a bundle of `layers_bundle`."""
    request = pb.ClassifyRequest(
        model=pb.ModelSelector(task=task),
        input=pb.Input(landmarks=pb.Landmarks(values=SAMPLE)),
        options=pb.ClassifyOptions(top_k=top_k),
    )
    return replace(_calls(b"")["empty"], body=request.SerializeToString())


def clip_call(wav: bytes) -> Call:
    """Of the bundle of sounds."""
    return _calls(wav)["clip"]


def _calls(wav: bytes) -> dict[str, Call]:
    return pipit_calls(Inputs(np.zeros(0, np.float32), wav))


@dataclass(frozen=True)
class Growth:
    """What the sweeps share. bundle: of sounds. seconds: of one load. folder: empty, for what is made."""

    bundle: Path
    seconds: float
    folder: Path
    site: Path

    def callers(self) -> Iterator[Row]:
        """Answers a second, refusals, latency, the processor's time, memory and threads."""
        call = clip_call(recording())
        wanted = Work(self.bundle, 1).clip(recording())
        for kind, options in (("default queue", ()), (f"queue of {LONG_QUEUE}", ("--queue", str(LONG_QUEUE)))):
            metrics = free_port()
            with self._running(pipit_server(*options, metrics_port=metrics)) as server:
                check(call, server, wanted)
                load(call, server.port, server.processes, SETTLE_CALLERS, False, SETTLE_SECONDS, self.folder)
                for last, callers in zip((SETTLE_CALLERS, *CALLERS), CALLERS, strict=False):
                    before = requests(metrics)
                    # Long enough that many callers have more than one turn.
                    seconds = max(self.seconds, callers / 100)
                    seen = load(
                        call, server.port, server.processes, callers, False, seconds, self.folder, refusals=True
                    )
                    after = requests(metrics)
                    counted = {code: after[code] - before.get(code, 0.0) for code in after}
                    # Not by what the task counts as refused: it never sees those that find no thread to wait for.
                    refused = max(0.0, 1.0 - counted.get("OK", 0.0) / seen.done)
                    # The client leaves at the end, and what then waits for its turn is dropped: one call a caller, of
                    # which some are counted with the next load.
                    left = sum(counted.get(code, 0.0) for code in LEFT)
                    others = {code for code in counted if counted[code]} - {"OK", "RESOURCE_EXHAUSTED", *LEFT}
                    if others or left > callers + last:
                        raise RuntimeError(f"{callers} callers got {counted}")
                    processes = server.processes
                    values = {
                        "answers_per_second": seen.rate * (1.0 - refused),
                        "refusals_per_second": seen.rate * refused,
                        # Of a load with refusals the client's log does not tell which calls were answered.
                        **({} if refused else {"median_ms": seen.median_ms, "p95_ms": seen.p95_ms}),
                        "cpu_ms_an_answer": seen.server_ms / (1.0 - refused),
                        "others_cores": seen.others,
                        "pss_mib": proportional_mib(processes),
                        "threads": sum(process.num_threads() for process in processes),
                        "processes": len(processes),
                    }
                    yield from rows(kind, callers, values, seen.calls)

    def bundles(self) -> Iterator[Row]:
        """Start with nothing cached and with all; memory; a call of one caller."""
        for megabytes in MEGABYTES:
            made = layers_bundle(self._new_folder() / "made", "load.layers", megabytes=megabytes)
            yield from self._starts((made,), megabytes)

    def tasks(self) -> Iterator[Row]:
        """The same, of servers of several bundles."""
        for count in TASKS:
            folder = self._new_folder()
            made = [layers_bundle(folder / f"{number}", f"load.layers_{number}") for number in range(count)]
            yield from self._starts(tuple(made), count)

    def classes(self) -> Iterator[Row]:
        """The processor's time of a call, and its answer's bytes."""
        for labels in LABELS:
            made = layers_bundle(self._new_folder() / "made", "load.layers", labels)
            with self._running(pipit_server(bundles=(made.bundle.path,))) as server:
                check(landmarks_call("load.layers"), server, made.scores)
                for top in TOP:
                    call = landmarks_call("load.layers", top)
                    answer = len(call.answer(server.port))
                    seen = load(call, server.port, server.processes, 1, False, self.seconds, self.folder)
                    values = {"cpu_ms": seen.server_ms, "median_ms": seen.median_ms, "answer_bytes": float(answer)}
                    yield from rows(f"top_k {top}", labels, values, seen.calls)

    def clips(self) -> Iterator[Row]:
        """Medians of each stage as the server tells them, and of the whole call; one caller."""
        with self._running(pipit_server()) as server, grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            ask = channel.unary_unary(CLASSIFY)
            for seconds in CLIPS:
                body = clip_call(recording(seconds)).body
                try:
                    ask(body, timeout=60)
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                        raise
                    yield from rows("refused", seconds, {"request_bytes": float(len(body))}, 1)
                    continue
                took, answers = [], []
                spent, begun = processor_seconds(server.processes), perf_counter()
                while perf_counter() - begun < self.seconds or len(took) < 3:
                    at = perf_counter()
                    answers.append(pb.ClassifyResponse.FromString(ask(body, timeout=60)))
                    took.append(perf_counter() - at)
                spent = processor_seconds(server.processes) - spent
                stages = {
                    stage: float(np.median([getattr(answer.times, f"{stage}_us") for answer in answers])) / 1e3
                    for stage in ("decode", "run", "interpret")
                }
                values = {f"{stage}_ms": value for stage, value in stages.items()}
                values |= {"median_ms": 1e3 * float(np.median(took)), "cpu_ms": 1e3 * spent / len(took)}
                values |= {"windows": float(len(answers[0].predictions)), "request_bytes": float(len(body))}
                yield from rows("answered", seconds, values, len(took))

    def _starts(self, made: tuple[Layers, ...], size: float) -> Iterator[Row]:
        folder = self._new_folder()
        server = pipit_server("--trial-seconds", "0", bundles=[each.bundle.path for each in made])
        for kind in ("cold", "warm"):
            with self._running(server, folder) as started:
                tasks = [str(each.bundle.manifest.task) for each in made]
                for task, each in zip(tasks, made, strict=True):
                    check(landmarks_call(task), started, each.scores)
                if kind == "cold":
                    # The next start finds the proofs of this one.
                    for task in tasks:
                        wait_until_good(folder / "cache", task)
                    yield from rows(kind, size, {"start_s": started.seconds}, 1)
                    continue
                call = landmarks_call(tasks[-1])
                seen = load(call, started.port, started.processes, 1, False, self.seconds, self.folder)
                memory = proportional_mib(started.processes)
                yield from rows(kind, size, {"start_s": started.seconds, "pss_mib": memory}, 1)
                yield from rows("call", size, {"median_ms": seen.median_ms, "cpu_ms": seen.server_ms}, seen.calls)

    def _running(self, server: Server, folder: Path | None = None) -> AbstractContextManager[Running]:
        return running(server, self.bundle, folder or self._new_folder(), SERVING, {"serving": 1.0}, self.site)

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))


SWEEPS: dict[str, Callable[[Growth], Iterator[Row]]] = {
    "callers": Growth.callers,
    "bundle": Growth.bundles,
    "tasks": Growth.tasks,
    "classes": Growth.classes,
    "clip": Growth.clips,
}


def check(call: Call, server: Running, wanted: Scores) -> None:
    """Raises RuntimeError where the answer is not the one that this process computed."""
    if differences(said := call.ask(server.port), wanted) > TOLERANCE:
        raise RuntimeError(f"the server says {said}, not {wanted}")


def requests(metrics_port: int) -> dict[str, float]:
    """Inputs that were answered or failed so far, by status."""
    text = urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10).read().decode()
    counted: dict[str, float] = {}
    for code, count in REQUESTS.findall(text):
        counted[code] = counted.get(code, 0.0) + float(count)
    return counted


def rows(kind: str, size: float, values: dict[str, float], samples: int) -> Iterator[Row]:
    """One for each value."""
    for measure, value in values.items():
        yield {"kind": kind, "size": f"{size:g}", "measure": measure, "value": f"{value:.6g}", "samples": samples}


def main() -> None:
    """Measures, and writes docs/measured/growth.csv."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sweep", default=",".join(SWEEPS), help=f"of {', '.join(SWEEPS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds over each sweep (default: 2)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one load (default: 1)")
    parser.add_argument("--add", action="store_true", help="add rounds to those in the CSV")
    parser.add_argument("--dry-run", action="store_true", help="print the rows, and leave the CSV as it is")
    options = parser.parse_args()
    sweeps = options.sweep.split(",")
    if unknown := [name for name in sweeps if name not in SWEEPS]:
        parser.error(f"there is no sweep {unknown[0]!r}; there are {', '.join(SWEEPS)}")
    if shutil.which("h2load") is None:
        sys.exit("h2load is not installed; it is in Debian's package nghttp2-client")
    # As an interrupt does: servers are ended whatever ends this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    there: list[Row] = [dict(row) for row in read_rows(MEASURED / f"{NAME}.csv")]
    kept = [row for row in there if options.add or row["sweep"] not in sweeps]
    last = max((int(str(row["round"])) for row in kept if row["sweep"] in sweeps), default=0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_site(folder / "site", PIPELINE, LayersPipeline)
        growth = Growth(options.bundle.absolute(), options.seconds, folder, folder / "site")
        for number in range(last + 1, last + 1 + options.rounds):
            for sweep in sweeps:
                for row in SWEEPS[sweep](growth):
                    kept.append({"sweep": sweep, "round": number, **row})
                    print(*kept[-1].values(), flush=True)  # noqa: T201
                if not options.dry_run:
                    # After every sweep, so that what is broken off keeps what it has.
                    write_csv(NAME, sorted(kept, key=lambda row: list(SWEEPS).index(str(row["sweep"]))), quiet=True)


if __name__ == "__main__":
    main()
