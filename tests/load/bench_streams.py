"""Microphones at once: streams of PCM that arrive as they are recorded, against one server on this machine's cores.

A piece is sent when its last sample would have been recorded. An answer's delay is the time from its window's last
sample, so recorded, to the answer. An answer is late where that is over a second; what never comes is missing. The
processor's time of the server is taken once every stream has filled its first window. Client and server are processes
of their own and share the cores; the client's part is told too.

    python tests/load/bench_streams.py --streams 1 16 64 --seconds 20
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time

import grpc
import numpy as np
import psutil
from measure import milliseconds, write_csv
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.bundle.reader import open_bundle
from pipit.pipelines.audio_windows import front_end_of
from servers import SERVE_PYTHON, arguments, inference_server

METHOD = "/pipit.inference.v1.InferenceService/ClassifyStream"
LATE_SECONDS = 1.0
SETTLE_SECONDS = 3.0
"""That the last answers may take beyond the end of the recordings."""


@dataclass
class Heard:
    """What the answers of a run were. Times in seconds."""

    delays: list[float] = field(default_factory=list)
    network: float = 0.0
    decode: float = 0.0
    refused: int = 0


def pieces(rate: int, seconds: float, count: int) -> list[bytes]:
    """Messages of quiet noise, 16 bits, `seconds` each."""
    random = np.random.default_rng(0)
    messages = []
    for _ in range(count):
        samples = random.normal(0.0, 1_000.0, round(rate * seconds)).astype("<i2").tobytes()
        pcm = pb.PcmAudio(sample_rate=rate, channels=1, encoding=pb.PcmAudio.ENCODING_S16, samples=samples)
        message = pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=pb.Input(pcm=pcm)))
        messages.append(message.SerializeToString())
    return messages


async def listen(
    channel: grpc.aio.Channel, messages: Sequence[bytes], piece: float, seconds: float, wait: float, heard: Heard
) -> None:
    """One microphone. piece: seconds of a message. wait: until it begins, so that windows do not end all at once."""
    await asyncio.sleep(wait)
    begun = perf_counter()

    async def record() -> AsyncIterator[bytes]:
        for number in range(round(seconds / piece)):
            await asyncio.sleep(begun + (number + 1) * piece - perf_counter())
            yield messages[number % len(messages)]

    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(METHOD)
    call = method(record())
    try:
        async for data in call:
            at = perf_counter()
            answer = pb.ClassifyStreamResponse.FromString(data).response
            for prediction in answer.predictions:
                # In whole pieces: the last sample comes with the rest of its piece.
                end = np.ceil(round(prediction.span.end_seconds / piece, 3)) * piece
                heard.delays.append(at - begun - end)
            heard.network += answer.times.run_us * 1e-6
            heard.decode += answer.times.decode_us * 1e-6
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        heard.refused += 1


def cpu(process: psutil.Process) -> float:
    """Seconds of the processor that it and those it started have taken."""
    alive = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in alive)


async def run(
    address: str, server: psutil.Process, streams: int, options: Options, window: float, hop: float
) -> dict[str, object]:
    """One row."""
    heard = Heard()
    messages = pieces(options.rate, options.piece, 32)
    async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        tasks = [
            asyncio.create_task(
                listen(channel, messages, options.piece, options.seconds, hop * number / streams, heard)
            )
            for number in range(streams)
        ]
        await asyncio.sleep(window + hop)
        begun, used, own = perf_counter(), cpu(server), process_time()
        network, decode = heard.network, heard.decode
        await asyncio.sleep(options.seconds - window - hop)
        elapsed = perf_counter() - begun
        used, own = (cpu(server) - used) / elapsed, (process_time() - own) / elapsed
        network, decode = (heard.network - network) / elapsed, (heard.decode - decode) / elapsed
        _, slow = await asyncio.wait(tasks, timeout=hop + SETTLE_SECONDS)
        for task in slow:
            task.cancel()
        for task in tasks:
            if not task.cancelled() and task.done() and (error := task.exception()) is not None:
                raise error
    # Every stream gives a window at each hop, and one more at its end where a tenth of a hop is left.
    rest = (options.seconds - window) % hop
    each = 1 + int((options.seconds - window) // hop) + int(rest >= hop / 10)
    delays = np.array(heard.delays or [np.inf])
    return {
        "streams": streams,
        "rate_hz": options.rate,
        "piece_ms": round(options.piece * 1e3),
        "seconds": options.seconds,
        "answers": len(heard.delays),
        "missing": each * streams - len(heard.delays),
        "late": int((delays > LATE_SECONDS).sum()),
        "delay_median_ms": milliseconds(delays, 50),
        "delay_p95_ms": milliseconds(delays, 95),
        "delay_most_ms": milliseconds(delays, 100),
        "server_cores": round(used, 3),
        "of_them_network": round(network, 3),
        "percent_of_a_core_beside_the_network_each": round(100 * (used - network) / streams, 2),
        "client_cores": round(own, 3),
        "memory_mib": round(sum(p.memory_info().rss for p in [server, *server.children(recursive=True)]) / 2**20),
    }


@dataclass(frozen=True)
class Options:
    """Of all runs. rate: Hz. piece, seconds: of a message, of a recording."""

    rate: int
    piece: float
    seconds: float


def main() -> None:
    """Measures, and writes docs/measured/streams.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 16, 64], help="at once, one run each")
    parser.add_argument("--pieces", type=float, nargs="+", default=[0.1], help="seconds of each message, one run each")
    parser.add_argument("--rates", type=int, nargs="+", default=[22_050], help="Hz of the microphones, one run each")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each recording")
    parser.add_argument("--python", type=Path, default=SERVE_PYTHON, help="interpreter of the server")
    parser.add_argument("--csv", default="streams", help="name of the file in docs/measured")
    parser.add_argument("server", nargs="*", help="further options of the server, after --")
    given = parser.parse_args()
    front_end = front_end_of(open_bundle(given.bundle).manifest.pipeline.parameters)
    rows = []
    for rate in given.rates:
        for piece in given.pieces:
            for streams in given.streams:
                flags = ("--bundle", str(given.bundle), "--streams", str(max(given.streams)), *given.server)
                with inference_server(*flags, python=given.python) as (server, address):
                    options = Options(rate, piece, given.seconds)
                    rows.append(
                        asyncio.run(
                            run(
                                address,
                                psutil.Process(server.pid),
                                streams,
                                options,
                                front_end.window_seconds,
                                front_end.hop_seconds,
                            )
                        )
                    )
                print(rows[-1], flush=True)  # noqa: T201
    write_csv(given.csv, rows)


if __name__ == "__main__":
    main()
