"""`pipit.client` against real servers."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pipit.bundle import Bundle
from pipit.client import Answer, Client, Frame, PcmAudio, Refusal
from pipit.errors import DeadlineExceeded, InputTooLarge, InvalidInput, NotFound, Unauthenticated, Unavailable
from pipit.rpc.auth import hash_token
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.types import Box, ModelState, TimeSpan

WriteTone = Callable[..., Path]
HEARS, SEES = "test.loudness", "test.brightness"


@pytest.fixture
def hears(inference_server: str) -> Iterator[Client]:
    with Client(inference_server) as client:
        yield client


@pytest.fixture
def sees(picture_server: str) -> Iterator[Client]:
    with Client(picture_server) as client:
        yield client


def heard(answers: Any) -> list[tuple[float, str]]:
    """Where each window begins and its best label."""
    return [(part.region.start, part.scores[0].label) for answer in answers for part in answer.predictions]


def test_a_recording_by_its_path(hears: Client, write_tone: WriteTone) -> None:
    path = write_tone("door.wav", (1, 0.5), (1, 0.01))
    for item in (path, str(path), path.read_bytes()):
        answer = hears.classify(item)
        assert heard([answer]) == [(0.0, "loud"), (1.0, "quiet")]
        assert answer.predictions[0].region == TimeSpan(0.0, 1.0)
        assert (answer.model.task, answer.model.version, answer.model.variant) == (HEARS, "1.0.0", "float32")
        assert len(answer.model.digest) == 64
        assert answer.request_id
        assert 0 < answer.times.decode < answer.times.total
    assert ([score.label for score in answer.detected], answer.label) == (["loud"], "loud")
    assert answer.detected[0].score == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("channels", [0, 1, 2])
def test_samples_as_whole_numbers_and_as_floats(hears: Client, loudness: ModuleType, channels: int) -> None:
    samples = np.concatenate([loudness.tone(1, 0.5), loudness.tone(1, 0.01)])
    if channels:
        samples = np.repeat(samples[:, np.newaxis], channels, axis=1)
    for given in (samples, samples.astype(np.float64), (samples * 32767).astype(np.int16)):
        assert heard([hears.classify(PcmAudio(given, loudness.RATE))]) == [(0.0, "loud"), (1.0, "quiet")]


def test_a_picture_in_every_form(sees: Client, brightness: ModuleType, tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), 250, np.uint8)
    (tmp_path / "yard.png").write_bytes(brightness.picture(250))
    (tmp_path / "snapshot").write_bytes(brightness.picture(250, "WEBP"))
    with Image.open(tmp_path / "yard.png") as picture:
        items = [
            tmp_path / "yard.png",
            tmp_path / "snapshot",
            brightness.picture(250, "JPEG"),
            picture,
            picture.convert("RGBA"),
            pixels,
            pixels[:, :, 0],
            Frame(pixels, 1.5),
        ]
        for item in items:
            answer = sees.classify(item)
            assert [score.label for score in answer.detected] == ["bright"]
            assert answer.predictions[0].region is None
    dark = sees.classify(pixels // 10)
    assert (dark.label, dark.detected) == ("dark", ())  # The background is said, and never detected.


def test_pixels_arrive_as_they_were_but_for_the_jpeg(sees: Client) -> None:
    """Half way between dark and bright the score tells the mean exactly: 40 * (mean - 0.5) is its logit."""
    (part,) = sees.classify(np.full((32, 32, 3), 130, np.uint8)).predictions
    score = next(score.score for score in part.scores if score.label == "bright")
    assert score == pytest.approx(1 / (1 + np.exp(-40 * (130 / 255 - 0.5))), abs=0.01)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros(16_000, np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["four channels", "floats", "sound", "nothing"],
)
def test_an_array_that_is_no_picture_says_what_to_send(array: Any) -> None:
    with Client("127.0.0.1:9") as client, pytest.raises(InvalidInput, match=r"PcmAudio\(samples, sample_rate\)"):
        client.classify(array)


def test_what_can_not_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "night.wav").write_bytes(b"RIFF" + bytes(200))
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(12))
    with Client("127.0.0.1:9") as client:
        with pytest.raises(NotFound, match=r"there is no file .*gone\.wav"):
            client.classify(tmp_path / "gone.wav")
        with pytest.raises(InvalidInput, match="holds many inputs"):
            client.classify(tmp_path / "film.mp4")
        with pytest.raises(InvalidInput, match="can't be read: Is a directory"):
            client.classify(tmp_path)
        # Opens, and gives an error of input and output when it is read.
        with pytest.raises(InvalidInput, match="/proc/self/mem can't be read: Input/output error"):
            client.classify(Path("/proc/self/mem"))
        with pytest.raises(InvalidInput, match="int can't be sent; give a path"):
            client.classify(7)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="sound of int32"):
            client.classify(PcmAudio(np.zeros(10, np.int32), 8_000))  # type: ignore[arg-type]
        monkeypatch.setattr("pipit.client.inputs.LARGEST_FILE", 100)
        with pytest.raises(InputTooLarge, match=r"piece by piece: Client\.stream"):
            client.classify(tmp_path / "night.wav")


def test_a_server_that_is_not_there() -> None:
    with Client("127.0.0.1:9") as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 can't be reached: nothing listens there; is it running"):
            client.classify(b"RIFF")
        with pytest.raises(Unavailable, match="can't be reached"):
            client.models()
        with pytest.raises(Unavailable, match="can't be reached"):
            list(client.stream([b"RIFF"]))


def test_the_client_says_which_model_answers(server_of_two: str, brightness: ModuleType, write_tone: WriteTone) -> None:
    door = write_tone("door.wav", (1, 0.5))
    with Client(server_of_two) as client:
        with pytest.raises(InvalidInput, match="task"):
            client.classify(door)
        assert client.classify(door, HEARS).model.task == HEARS
        assert client.classify(brightness.picture(9), SEES).model.task == SEES
        with pytest.raises(InvalidInput, match="this task takes audio"):
            client.classify(brightness.picture(9), HEARS)
        with pytest.raises(NotFound):
            client.classify(door, "test.smells")
    with Client(server_of_two, task=HEARS, version="1.0.0", top_k=1, min_score=0.9) as client:
        answer = client.classify(door)
        assert [len(part.scores) for part in answer.predictions] == [1]
    with Client(server_of_two, task=HEARS, version="9.0.0") as client, pytest.raises(NotFound, match=r"9\.0\.0"):
        client.classify(door)
    with pytest.raises(InvalidInput, match="not for both"):
        Client(server_of_two, version="1.0.0", environment="production")


def test_lists_what_the_server_has(server_of_two: str) -> None:
    with Client(server_of_two) as client:
        models = {model.task: model for model in client.models()}
    assert {task: model.state for task, model in models.items()} == dict.fromkeys((HEARS, SEES), ModelState.SERVING)
    assert models[HEARS].labels == ("loud", "quiet")
    assert (models[HEARS].input_kind, models[SEES].input_kind) == ("audio", "image")
    assert models[SEES].identity is not None
    assert models[SEES].identity.version == "1.0.0"


def test_feedback_on_an_answer_once(hears: Client, write_tone: WriteTone) -> None:
    answer = hears.classify(write_tone("door.wav", (1, 0.5)))
    verdict = hears.feedback(answer, "quiet")
    assert (verdict.predicted, verdict.was_right, verdict.model) == ("loud", False, answer.model)
    with pytest.raises(NotFound):
        hears.feedback(answer.request_id, "quiet")


def test_a_stream_is_one_recording_whatever_its_pieces(hears: Client, loudness: ModuleType) -> None:
    samples = np.concatenate([loudness.tone(*piece) for piece in [(1, 0.5), (2, 0.01)] * 3])
    for size, ahead in ((777, 4), (8_000, 0), (30_000, 1)):
        pieces = (PcmAudio(samples[n : n + size], loudness.RATE) for n in range(0, len(samples), size))
        answers = list(hears.stream(pieces, ahead=ahead))
        labels = ["loud", "quiet", "quiet"] * 3
        assert heard(answers) == [(float(second), label) for second, label in enumerate(labels)]


def test_a_live_stream_asks_for_the_next_input_once_the_last_is_answered(hears: Client, loudness: ModuleType) -> None:
    log: list[str] = []

    def pieces() -> Iterator[PcmAudio]:
        for number in range(3):
            log.append(f"taken {number}")
            yield PcmAudio(loudness.tone(1, 0.5), loudness.RATE)

    for answer in hears.stream(pieces(), ahead=0):
        assert isinstance(answer, Answer)
        log.append(f"answered {answer.predictions[0].region.start:g}")  # type: ignore[union-attr]
    assert log == [f"{word} {number}" for number in range(3) for word in ("taken", "answered")]


def test_what_can_not_be_answered_is_refused_in_its_place(sees: Client, brightness: ModuleType) -> None:
    items = [brightness.picture(250), brightness.picture(250)[:90], brightness.picture(3)]
    bright, refused, dark = sees.stream(items)
    assert isinstance(bright, Answer)
    assert isinstance(dark, Answer)
    assert (bright.label, dark.label) == ("bright", "dark")
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, InvalidInput)
    assert "damaged or cut short" in str(refused.error)


def test_an_item_that_can_not_be_sent_ends_the_stream(sees: Client, brightness: ModuleType) -> None:
    answers = sees.stream([brightness.picture(250), Path("gone.png")], ahead=0)
    assert isinstance(next(answers), Answer)
    with pytest.raises(NotFound, match=r"gone\.png"):
        next(answers)


def test_leaving_a_stream_ends_its_call(hears: Client, loudness: ModuleType) -> None:
    """The source of an endless stream is closed too, and no thread stays."""
    closed = threading.Event()

    def endless() -> Iterator[PcmAudio]:
        try:
            while True:
                yield PcmAudio(loudness.tone(1, 0.5), loudness.RATE)
        finally:
            closed.set()

    answers = hears.stream(endless())
    assert isinstance(next(answers), Answer)
    readers = [thread for thread in threading.enumerate() if thread.name == "answers"]
    assert readers
    answers.close()  # type: ignore[attr-defined]
    del answers
    for thread in readers:
        thread.join(30)
        assert not thread.is_alive()
    assert closed.is_set()


def test_the_answer_to_each_input_of_an_open_stream(sees: Client, brightness: ModuleType) -> None:
    with sees.open_stream() as stream:
        assert stream.receive() == []
        for level in (250, 3, 250):
            stream.send(brightness.picture(level))
        assert stream.waiting == 3
        said = [stream.receive() for _ in range(3)]
        assert stream.waiting == 0
        assert stream.finish() == []
    labels = [answer.label for answers in said for answer in answers if isinstance(answer, Answer)]
    assert labels == ["bright", "dark", "bright"]


def test_streams_of_several_clients_share_no_id(hears: Client, loudness: ModuleType) -> None:
    """The server keeps answers by their id, for feedback."""
    pieces = [PcmAudio(loudness.tone(1, 0.5), loudness.RATE)] * 2
    ids = [answer.request_id for _ in range(3) for answer in hears.stream(pieces)]
    assert len(set(ids)) == len(ids) == 6


def test_one_client_serves_many_threads(hears: Client, loudness: ModuleType) -> None:
    levels = [0.5, 0.01] * 10
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda level: hears.classify(PcmAudio(loudness.tone(1, level), loudness.RATE)), levels)
    assert [answer.label for answer in answers] == ["loud", "quiet"] * 10


def test_importing_it_needs_no_library_of_the_command_line_or_of_trainers() -> None:
    script = (
        "import sys\n"
        "for name in ('typer', 'rich', 'PIL', 'av', 'soundfile', 'soxr', 'onnxruntime', 'ai_edge_litert', 'sklearn'):\n"
        "    sys.modules[name] = None\n"
        "import pipit.client\n"
        "parts = ('cli', 'training', 'serving', 'runtimes', 'pipelines', 'data', 'registry', 'bundle')\n"
        "print([part for part in parts if f'pipit.{part}' in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_picture_without_loss_is_sent_as_a_file(sees: Client) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (40, 40, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    (part,) = sees.classify(buffer.getvalue()).predictions
    score = next(score.score for score in part.scores if score.label == "bright")
    assert score == pytest.approx(1 / (1 + np.exp(-40 * (noise.mean() / 255 - 0.5))), abs=1e-5)
    assert not isinstance(part.region, Box)


@pytest.fixture
def guarded_server(
    make_bundle: Callable[..., Bundle], tmp_path: Path, make_certificate: Callable[..., tuple[Path, Path]]
) -> Iterator[tuple[str, Path]]:
    """host:port of a server that asks for a token and encrypts, and the PEM file that its certificate leads to."""
    certificate, key = make_certificate()
    callers = {"callers": [{"name": "door", "roles": ["reader"], "sha256": hash_token("open sesame")}]}
    (tmp_path / "tokens.json").write_text(json.dumps(callers))
    settings = ServingSettings(
        bundle=(make_bundle().path,),
        port=0,
        metrics_port=0,
        grace_seconds=1.0,
        tls_certificate=certificate,
        tls_key=key,
        tokens=tmp_path / "tokens.json",
    )
    server = InferenceServer(settings)
    server.start()
    yield f"127.0.0.1:{server.port}", certificate
    server.stop()


def test_a_server_that_asks_for_a_token_and_encrypts(guarded_server: tuple[str, Path]) -> None:
    address, authority = guarded_server
    with Client(address, token="open sesame", ca=authority) as client:
        assert [model.task for model in client.models()] == [HEARS]
    with Client(address, ca=str(authority)) as client, pytest.raises(Unauthenticated, match="PIPIT_TOKEN"):
        client.models()
    with Client(address, token="open barley", ca=authority) as client, pytest.raises(Unauthenticated):
        client.models()
    with Client(address, token="open sesame") as client, pytest.raises(Unavailable):
        client.models()
    with pytest.raises(InvalidInput, match=r"none\.pem can't be read"):
        Client(address, ca=authority.with_name("none.pem"))


def test_nobody_waits_longer_than_agreed(loudness: ModuleType) -> None:
    """A server that takes connections and never speaks."""
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, Client(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.3) as client:
        with pytest.raises(DeadlineExceeded, match="did not answer in time"):
            client.classify(PcmAudio(loudness.tone(1, 0.5), loudness.RATE))
        with pytest.raises(DeadlineExceeded, match=r"did not answer within 0\.3 s"):
            list(client.stream([PcmAudio(loudness.tone(1, 0.5), loudness.RATE)]))
