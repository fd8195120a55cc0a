"""What people have on their disks: names, lengths, formats. One odd file loses nothing of the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from pipit.cli.exit_codes import ExitCode
from pipit.printable import printable

WriteTone = Callable[..., Path]


@pytest.fixture
def ask(pipit: Any, inference_server: str) -> Callable[..., Any]:
    """`pipit classify --json` of the server that tells loud from quiet."""
    return lambda *arguments: pipit("classify", *arguments, "--server", inference_server, "--json")


def scores(result: dict[str, Any]) -> list[float]:
    return [score["score"] for part in result["predictions"] for score in part["scores"]]


def loudness(frames: int) -> np.ndarray:
    """Loud, quiet, loud, in equal parts."""
    tone = np.sin(np.arange(frames) * 0.2).astype(np.float32)
    tone[frames // 3 : 2 * frames // 3] *= 0.01
    return tone


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"), ("MP3", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_answers_as_the_whole_does(
    ask: Callable[..., Any], tmp_path: Path, form: str, subtype: str | None, channels: int
) -> None:
    path = tmp_path / "sound"
    samples = np.repeat(loudness(3 * 16_000)[:, np.newaxis], channels, axis=1)
    soundfile.write(path, samples, 16_000, format=form, subtype=subtype)
    (whole,), (stream,) = ask(path).json(), ask(path, "--stream").json()
    assert len(scores(whole)) >= 6
    assert scores(stream) == pytest.approx(scores(whole), abs=1e-3)


def test_a_long_recording_is_sent_piece_by_piece_unasked(ask: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, loudness(150 * 4_000), 4_000)
    called = ask(path)
    assert (called.code, called.err) == (0, "")
    (result,) = called.json()
    labels = [part["scores"][0]["label"] for part in result["predictions"]]
    assert labels == ["loud"] * 50 + ["quiet"] * 50 + ["loud"] * 50


def test_what_is_too_large_is_bad_input_and_says_the_limit(ask: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "z.wav").write_bytes(b"\xff\xd8\xff" + bytes(16 << 20))
    called = ask(tmp_path / "z.wav")
    assert called.code == ExitCode.BAD_INPUT
    assert "is over the limit of what is sent whole, 16 MiB; make it smaller" in called.err


def test_an_interrupted_recording_is_answered(ask: Callable[..., Any], write_tone: WriteTone) -> None:
    path = write_tone("door.wav", (1, 0.5), (1, 0.01))
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(4) + whole[44:])
    (once,), (stream,) = ask(path).json(), ask(path, "--stream").json()
    path.write_bytes(whole)
    (before,) = ask(path).json()
    assert scores(once) == scores(before)
    assert scores(stream) == pytest.approx(scores(before), abs=1e-3)


@pytest.mark.parametrize("options", [[], ["--stream"]])
def test_a_recording_of_nothing_is_no_success(ask: Callable[..., Any], tmp_path: Path, options: list[str]) -> None:
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0, np.float32), 16_000)
    called = ask(tmp_path / "nothing.wav", *options)
    assert (called.code, "audio holds no samples" in called.err) == (ExitCode.BAD_INPUT, True)


@pytest.mark.parametrize("options", [[], ["--stream"]])
def test_odd_names_lose_no_answers(
    ask: Callable[..., Any], write_tone: WriteTone, tmp_path: Path, options: list[str]
) -> None:
    good = write_tone("good.wav", (1, 0.5))
    latin = Path(os.fsdecode(os.fsencode(tmp_path) + b"/Vogel_M\xfcnchen.wav"))
    latin.write_bytes(good.read_bytes())
    decomposed = tmp_path / "Tu\u0308rklingel.wav"
    decomposed.write_bytes(good.read_bytes())
    long = tmp_path / ("x" * 300 + ".wav")
    called = ask(good, latin, long, tmp_path, decomposed, *options)
    assert called.code == ExitCode.BAD_INPUT
    first, second, third, fourth, fifth = json.loads(called.out.encode("utf-8"))
    assert scores(first) == scores(second) == scores(fifth) != []
    assert second["file"] == f"{tmp_path}/Vogel_M\\xfcnchen.wav"
    assert third["error"]["message"] == f"{long} can't be read: File name too long"
    assert "Is a directory" in fourth["error"]["message"]


def test_what_comes_through_a_pipe_is_read_once(ask: Callable[..., Any], write_tone: WriteTone, tmp_path: Path) -> None:
    door = write_tone("door.wav", (1, 0.5), (1, 0.01))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(door.read_bytes()))
    writer.start()
    (heard,) = ask(pipe).json()
    writer.join()
    (before,) = ask(door).json()
    assert scores(heard) == scores(before) != []


def test_a_name_is_shown_in_letters_that_every_program_reads() -> None:
    assert printable("M\udcfcnchen") == "M\\xfcnchen"
    assert printable("München") == "München"


@pytest.mark.parametrize(
    ("name", "codec"), [("phone.m4a", "aac"), ("browser.webm", "libopus"), ("film.mkv", "pcm_s16le")]
)
def test_the_sound_of_phones_browsers_and_films_is_heard(
    ask: Callable[..., Any], tmp_path: Path, name: str, codec: str
) -> None:
    path = tmp_path / name
    with av.open(str(path), "w", format="mp4" if name.endswith("m4a") else None) as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(loudness(3 * 48_000)[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (result,) = ask(path).json()
    assert [part["scores"][0]["label"] for part in result["predictions"]][:3] == ["loud", "quiet", "loud"]


def test_what_reads_films_is_named_where_it_is_missing(inference_server: str, tmp_path: Path) -> None:
    (tmp_path / "phone.m4a").write_bytes(b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + bytes(64))
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError(\"No module named 'av'\", name='av')")
    command = [sys.executable, "-m", "pipit.cli.main", "classify", "phone.m4a", "--server", inference_server]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path, env=environment
    )
    assert done.returncode == ExitCode.NOT_INSTALLED
    assert "the package 'av', which reads the sound of M4A, MP4 and WebM, is not installed here" in done.stderr


@pytest.mark.parametrize(
    ("name", "head", "text"),
    [
        ("phone.m4a", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "phone.m4a"),
        ("browser.webm", b"\x1aE\xdf\xa3", "browser.webm"),
        ("voice.wav", b"FORM\0\0\0\0AIFF", "sound in AIFF is not taken; send WAV, FLAC"),
    ],
)
def test_what_is_not_taken_is_named(ask: Callable[..., Any], tmp_path: Path, name: str, head: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(head + bytes(64))
    called = ask(tmp_path / name)
    assert (called.code, text in called.err) == (ExitCode.BAD_INPUT, True)
