"""Pipit beside MLServer, LitServe, BentoML, FastAPI, KServe and bare grpcio: one bundle, the same work, by turns.

Each server answers `tensor`, `clip` and `empty` (`peer_calls.py`) for 1, 4 and 16 callers, each with a connection of
its own; gRPC servers also for 4 and 16 callers that share one. In every round each server is started, has to give the
scores that this process computes, is measured, and is ended; the next one follows. `make bench-peers` makes the
environments. The callers are one process of h2load (Debian: nghttp2-client).

The rows of servers that are not measured this time stay in docs/measured/peers.csv, so a long comparison can be made in
pieces; with --add, rounds are added to those there. `draw_peers.py` makes the table and the picture of it.
"""

from __future__ import annotations

import argparse
import io
import shutil
import signal
import sys
import tempfile
import wave
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from measure import write_csv
from peer_calls import CALLS, Call, Inputs, Scores, by_position, differences
from peer_load import Load, load, proportional_mib
from peer_servers import SERVERS, TOLERANCE, Running, Server, make_site, running, server_of
from peer_tables import DISTURBED, calm, read_rows, table
from peers.work import Work
from pipit.bundle import open_bundle
from pipit.inputs import EncodedAudio
from pipit.pipelines import load_pipeline
from servers import arguments

NAME = "peers"
SETTLE_SECONDS = 1.5
"""Of the most callers, before the first load that counts: who begins workers when requests meet has them then."""
TRIES = 2
"""Of a load during which something else is busy; the calmest counts."""
SECONDS, RATE = 5, 22_050
Row = dict[str, object]


def recording(seconds: int = SECONDS) -> bytes:
    """A WAV of noise and a tone that rises every five seconds anew, the same every time."""
    random = np.random.default_rng(18)
    moments = np.arange(seconds * RATE) / RATE % SECONDS
    samples = 0.3 * np.sin(2 * np.pi * (200 + 300 * moments) * moments) + random.normal(0.0, 0.05, len(moments))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def inputs_of(bundle: Path) -> Inputs:
    """What is sent: the recording, and the log-mel that the bundle's pipeline makes of it."""
    wav = recording()
    (tensor,) = load_pipeline(open_bundle(bundle).manifest).decode(EncodedAudio(wav)).tensors.values()
    return Inputs(tensor, wav)


class Comparison:
    """What all servers are measured with. wanted: the right scores by the kind of call."""

    def __init__(
        self, bundle: Path, seconds: float, callers: Iterable[int], folder: Path, kinds: Sequence[str] = CALLS
    ) -> None:
        from empty_server import nothing_bundle  # onnx: slow to import, needless for --help

        self.bundle, self.seconds, self.callers, self.folder = bundle, seconds, tuple(callers), folder
        self.kinds = kinds
        self.settle_seconds = SETTLE_SECONDS
        self.inputs = inputs_of(bundle)
        work = Work(bundle, 1)
        logits = work.tensor(self.inputs.log_mel.tobytes())
        self.wanted = {"tensor": by_position(logits.tolist()), "clip": work.clip(self.inputs.wav)}
        (folder / "nothing").mkdir()
        self.nothing = nothing_bundle(folder / "nothing")
        self.site = folder / "site"
        make_site(self.site)

    def measure(self, name: str, number: int) -> Iterator[Row]:
        """One round of one server."""
        server = server_of(name)
        calls = server.calls(self.inputs)
        loads: list[tuple[str, int, int, Load]] = []
        with self.running(server, self.bundle, calls["clip"]) as started:
            self._settle(calls["clip"], started)
            for kind in self.kinds:
                if server.nothing and kind == "empty":
                    continue
                loads += self._loads(kind, calls[kind], started)
            memory, start = proportional_mib(started.processes), started.seconds
        if server.nothing and "empty" in self.kinds:
            with self.running(server, self.nothing, calls["empty"], {"nothing": 1.0}) as started:
                self._settle(calls["empty"], started)
                loads += self._loads("empty", calls["empty"], started)
        for kind, callers, connections, seen in loads:
            yield {
                "server": name,
                "version": server.version,
                "protocol": calls[kind].protocol,
                "round": number,
                "call": kind,
                "callers": callers,
                "connections": connections,
                "requests_per_second": round(seen.rate, 1),
                "server_cpu_ms": round(seen.server_ms, 3),
                "client_cpu_ms": round(seen.client_ms, 3),
                "median_ms": round(seen.median_ms, 3),
                "p95_ms": round(seen.p95_ms, 3),
                "calls": seen.calls,
                "others_cores": round(seen.others, 2),
                "pss_mib": round(memory, 1),
                "start_s": round(start, 2),
            }

    def running(
        self, server: Server, bundle: Path, call: Call, wanted: Scores | None = None
    ) -> AbstractContextManager[Running]:
        """A server that gives the right answer to `call`. wanted: in place of the scores of the recording."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return running(server, bundle, folder, call, self.wanted["clip"] if wanted is None else wanted, self.site)

    def check(self, kind: str, call: Call, started: Running) -> None:
        """Raises RuntimeError where a server's answer is not the one that this process computed."""
        said = call.ask(started.port)
        if kind in self.wanted and differences(said, self.wanted[kind]) > TOLERANCE:
            raise RuntimeError(f"{kind} gives {said}, not {self.wanted[kind]}")

    def _loads(self, kind: str, call: Call, started: Running) -> Iterator[tuple[str, int, int, Load]]:
        self.check(kind, call, started)
        for callers in self.callers:
            yield kind, callers, callers, self._load(call, started, callers, shared=False)
        for callers in self.callers if call.protocol == "grpc" else ():
            if callers > 1:
                yield kind, callers, 1, self._load(call, started, callers, shared=True)

    def _settle(self, call: Call, started: Running) -> None:
        load(call, started.port, started.processes, max(self.callers), False, self.settle_seconds, self.folder)

    def _load(self, call: Call, started: Running, callers: int, shared: bool) -> Load:
        tries: list[Load] = []
        while not tries or (tries[-1].others > DISTURBED and len(tries) < TRIES):
            tries.append(load(call, started.port, started.processes, callers, shared, self.seconds, self.folder))
        return min(tries, key=lambda seen: seen.others)


def kept(names: Sequence[str], add: bool) -> tuple[list[Row], int]:
    """Rows of the CSV that stay, and the number of the last round that is kept of `names`."""
    rows = read_rows()
    last = max((int(row["round"]) for row in rows if row["server"] in names), default=0)
    return [dict(row) for row in rows if add or row["server"] not in names], last if add else 0


def main() -> None:
    """Measures, and writes docs/measured/peers.csv."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--servers",
        default=",".join(SERVERS),
        help=f"of {', '.join(SERVERS)} (default: all); pipit@FOLDER: of another checkout",
    )
    parser.add_argument("--calls", default=",".join(CALLS), help="kinds of calls (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all of them (default: 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one load (default: 1)")
    parser.add_argument("--callers", default="1,4,16", help="callers at once (default: 1,4,16)")
    parser.add_argument("--add", action="store_true", help="add rounds to those in the CSV, of these servers too")
    parser.add_argument("--dry-run", action="store_true", help="print the rows, and leave the CSV as it is")
    options = parser.parse_args()
    names = options.servers.split(",")
    if unknown := [name for name in names if name.partition("@")[0] not in SERVERS]:
        parser.error(f"there is no server {unknown[0]!r}; there are {', '.join(SERVERS)}")
    if not options.dry_run and ("@" in options.servers or options.calls != ",".join(CALLS)):
        parser.error("the CSV is of this checkout and of all calls; add --dry-run")
    if absent := sorted({str(server_of(name).python) for name in names if not server_of(name).python.is_file()}):
        parser.error(f"{absent[0]} is not there; `make bench-peers` makes it")
    if shutil.which("h2load") is None:
        sys.exit("h2load is not installed; it is in Debian's package nghttp2-client")
    rows, last = ([], 0) if options.dry_run else kept(names, options.add)
    # As an interrupt does: servers are ended whatever ends this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    callers = [int(each) for each in options.callers.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(
            options.bundle.absolute(), options.seconds, callers, Path(folder), options.calls.split(",")
        )
        for number in range(last + 1, last + 1 + options.rounds):
            for name in names:
                for row in comparison.measure(name, number):
                    rows.append(row)
                    print(*row.values(), flush=True)  # noqa: T201
                if not options.dry_run:
                    # After every server, so that what is broken off keeps what it has.
                    write_csv(NAME, sorted(rows, key=lambda row: list(SERVERS).index(str(row["server"]))), quiet=True)
    print(table(calm(rows)), table(calm(rows), shared=True), sep="\n\n")  # noqa: T201


if __name__ == "__main__":
    main()
