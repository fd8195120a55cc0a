"""Callers as a house has them: some classify and say what it was, one streams, and some do what they should not."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, cycle
from random import Random
from types import TracebackType

import grpc
import numpy as np
import soundfile
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.errors import PipitError
from pipit.registry import RegistryClient

RATE = 16_000
"""Hz, of the stream."""
BURST = 12
"""Calls at once: more than one server runs and queues."""
LONG = 12
"""Clips in one recording, so that the first call of a burst still runs when the last one comes."""


@dataclass(frozen=True, slots=True)
class Clip:
    """audio: a WAV file. category: what it is."""

    audio: bytes
    category: str


def repeated(audio: bytes, times: int) -> bytes:
    """A WAV file that is that many times as long."""
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.tile(samples, times), rate, format="WAV")
    return buffer.getvalue()


class Traffic:
    """Goes on from entering the context to leaving it."""

    def __init__(
        self, servers: Sequence[str], idle: str, registry: str, clips: Sequence[Clip], labels: Sequence[str]
    ) -> None:
        """servers, idle, registry: host:port; idle has no model. labels: those that feedback may name."""
        self._stop = threading.Event()
        self._clips, self._labels = clips, frozenset(labels)
        self._channels = [grpc.insecure_channel(address) for address in (*servers, idle)]
        *self._stubs, self._idle = [inference_pb2_grpc.InferenceServiceStub(channel) for channel in self._channels]
        self._registry = registry
        self._pool = ThreadPoolExecutor(2 * len(self._stubs) + 4, "caller")
        self._burst = ThreadPoolExecutor(BURST, "burst")
        self._running: list[Future[None]] = []

    def __enter__(self) -> Traffic:
        for number, stub in enumerate(self._stubs):
            self._start(self._classify, stub, number, 0.15 * (number + 1))
            self._start(self._stream, stub)
        self._start(self._misuse)
        self._start(self._crowd)
        self._start(self._look_up)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown()
        self._burst.shutdown()
        for channel in self._channels:
            channel.close()
        if error is None:
            for caller in self._running:
                caller.result()

    def _start(self, caller: Callable[..., None], *arguments: object) -> None:
        self._running.append(self._pool.submit(caller, *arguments))

    def _classify(self, stub: inference_pb2_grpc.InferenceServiceStub, number: int, pause: float) -> None:
        """Clip after clip, and for one of three the right label afterwards."""
        random = Random(number)
        for call in count():
            clip = random.choice(self._clips)
            request = pb.ClassifyRequest(input=pb.Input(audio=clip.audio), request_id=f"{number}-{call}")
            with suppress(grpc.RpcError):  # a burst may have filled the queue
                stub.Classify(request, timeout=30)
                if call % 3 == 0:
                    label = clip.category if clip.category in self._labels else "none"
                    stub.Feedback(pb.FeedbackRequest(request_id=request.request_id, label=label), timeout=30)
            if self._stop.wait(pause * random.uniform(0.5, 1.5)):
                return

    def _stream(self, stub: inference_pb2_grpc.InferenceServiceStub) -> None:
        """One endless recording of silence."""
        samples = pb.PcmAudio(samples=bytes(RATE), encoding=pb.PcmAudio.ENCODING_S16, sample_rate=RATE, channels=1)

        def messages() -> Iterator[pb.ClassifyStreamRequest]:
            while not self._stop.wait(0.5):
                yield pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=pb.Input(pcm=samples)))

        for _ in stub.ClassifyStream(messages()):
            pass

    def _misuse(self) -> None:
        """What is refused: no sound, no such task, too little time, a task that has no model."""
        clip = pb.Input(audio=self._clips[0].audio)
        wrong = [
            (self._stubs[0], pb.ClassifyRequest(input=pb.Input(audio=b"no sound at all")), 30.0),
            (self._stubs[0], pb.ClassifyRequest(input=clip, model=pb.ModelSelector(task="no.such")), 30.0),
            (self._stubs[-1], pb.ClassifyRequest(input=clip), 0.002),
            (self._idle, pb.ClassifyRequest(input=clip), 30.0),
        ]
        for stub, request, seconds in cycle(wrong):
            with suppress(grpc.RpcError):
                stub.Classify(request, timeout=seconds)
            if self._stop.wait(2.0):
                return

    def _crowd(self) -> None:
        """Now and then everybody asks one server at once, for something long."""
        request = pb.ClassifyRequest(input=pb.Input(audio=repeated(self._clips[0].audio, LONG)))
        while True:
            for call in [self._burst.submit(self._stubs[0].Classify, request, timeout=30) for _ in range(BURST)]:
                with suppress(grpc.RpcError):
                    call.result()
            if self._stop.wait(15.0):
                return

    def _look_up(self) -> None:
        """Somebody looks at the registry, and asks for what is not there."""
        with RegistryClient(self._registry) as client:
            while not self._stop.wait(0.4):
                client.list_versions()
                with suppress(PipitError):
                    client.resolve("home_security.sounds", "staging")
