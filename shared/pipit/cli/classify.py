"""`pipit classify`: files to a server, answers in a table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape

from pipit.cli.exit_codes import NotInstalled, exit_code_of
from pipit.cli.output import JsonOption, plain, print_json, print_line, print_table, say
from pipit.cli.settings import CliSettings
from pipit.cli.watch_command import Wish, hears, is_watched, plain_prediction, watch_camera, watch_file
from pipit.client import Answer, Client, PcmAudio, Refusal
from pipit.errors import InvalidInput, PipitError
from pipit.inputs.limits import LARGEST_FILE
from pipit.inputs.media import Kind, is_pipe, media_of_file, open_file
from pipit.settings import load_settings
from pipit.types import Box, Prediction, TimeSpan

_RATE = 48_000
"""Hz, of a film's sound track; a server makes of it what its task needs."""
_COLUMNS = ("file", "where", "answer", "label", ">score", "detected", "")
_EXPERIMENTAL = (
    "experimental: nobody has shown that these scores mean what their labels say, so that no answer says them; the "
    "bundle's report/model_card.md has the reason"
)


def classify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Recordings (WAV, FLAC, Ogg, MP3), pictures (JPEG, PNG, WebP, GIF, TIFF, BMP), videos, landmark "
            "files (.npz), minutes of physiology (.csv). What a file is, its content says.",
        ),
    ] = None,
    *,
    server: Annotated[str, typer.Option(help="host:port of the server. (default: PIPIT_SERVER)")] = "",
    task: Annotated[
        list[str] | None,
        typer.Option(help="Not needed where a server has just one. Of videos and cameras several may be asked."),
    ] = None,
    version: Annotated[str, typer.Option(help="Answer only if this version is served.")] = "",
    environment: Annotated[str, typer.Option(help="Answer only if this environment is served.")] = "",
    top: Annotated[int, typer.Option(min=0, help="Labels for each part of a file; 0: all.")] = 3,
    min_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave out labels with a lower score.")] = 0.0,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds for one file.")] = 30.0,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Send sound piece by piece, as long recordings are anyway.",
        ),
    ] = False,
    camera: Annotated[
        str, typer.Option(help="Look through a camera: its number, /dev/video2, or FFmpeg's FORMAT:SOURCE.")
    ] = "",
    frames_per_second: Annotated[
        float, typer.Option(help="Of a video or camera, look at no more than these; 0: at all.", min=0)
    ] = 0,
    draw: Annotated[
        Path | None,
        typer.Option(help="Write the picture with points, boxes and bars to this file; of a video the last answered."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Ask a server what is in recordings or pictures.

    Shows for each part of a file what the answer says, the best labels, whether each reaches its threshold
    ("detected"), which version answered and where the time went. A file that can't be answered does not stop the
    others; its error decides the exit code. Videos and cameras are shown picture by picture, with what holds over time
    beside; a camera goes on until Ctrl-C, and leaves out what the server can't keep up with.

    For example:
      pipit classify doorbell.wav
      pipit classify --stream --top 1 night.flac
      pipit classify --camera 0 --task TASK
      pipit classify minutes.csv --task TASK
      pipit classify --json clips/*.ogg | jq '.[] | select(any(.predictions[]; .label == "dog")) | .file'
    """
    if version and environment:
        raise InvalidInput("give --version or --environment, not both")
    files, tasks = files or [], tuple(task or ())
    if bool(camera) == bool(files):
        raise typer.BadParameter("give files, or --camera")
    if draw is not None and len(files) > 1:
        raise InvalidInput("--draw takes one picture; call it once for each")
    settings = load_settings(CliSettings)
    client = Client(
        server or settings.server,
        task=tasks[0] if tasks else "",
        version=version,
        environment=environment,
        **settings.access,
        top_k=top,
        min_score=min_score,
        timeout=timeout,
    )
    results: list[dict[str, Any]] = []
    failure: PipitError | None = None
    wish = Wish(tasks, json, frames_per_second or None, draw)
    with client:
        if camera:
            watch_camera(client, camera, wish)
            return
        for path in files:
            try:
                results.append(_ask_file(client, path, wish, stream))
            except (PipitError, OSError) as error:
                told = _told(path, error)
                failure = failure or told
                results.append({"file": path, "error": {"status": told.status, "message": str(told)}})
                say(f"pipit: {path}: {told}")
    if json:
        print_json(results)
    if failure is not None:
        raise typer.Exit(exit_code_of(failure))


def _told(path: Path, error: PipitError | OSError) -> PipitError:
    return error if isinstance(error, PipitError) else InvalidInput(f"{path} can't be read: {error.strerror}")


def _ask_file(client: Client, path: Path, wish: Wish, stream: bool) -> dict[str, Any]:
    """Sends a file as what it is, whatever its name says."""
    if is_pipe(path):
        return _ask(client, path, wish)
    media = media_of_file(path)
    if media.kind is Kind.FILM and hears(client, wish):
        return _ask_stream(client, path, wish, _sound_track)
    if is_watched(media):
        return watch_file(client, path, wish)
    if len(wish.tasks) > 1:
        raise InvalidInput("several tasks can be asked of videos and cameras alone; call it once for each task")
    if stream or (media.kind is Kind.SOUND and _is_long(path)):
        return _ask_stream(client, path, wish)
    return _ask(client, path, wish)


def _is_long(path: Path) -> bool:
    """Whether a recording is over what a server takes as one clip."""
    if path.stat().st_size > LARGEST_FILE:
        return True
    try:
        from pipit.inputs.audio.files import open_sound  # noqa: PLC0415 (whole files need it only on the server)
        from pipit.inputs.audio.limits import DEFAULT_LIMITS  # noqa: PLC0415
    except ModuleNotFoundError:
        return False
    try:
        with open_file(path) as file, open_sound(file) as sound:
            return sound.announced > DEFAULT_LIMITS.max_frames(sound.samplerate)
    except InvalidInput:
        # The server says what is wrong with it.
        return False


def _ask(client: Client, path: Path, wish: Wish) -> dict[str, Any]:
    """A whole file."""
    begin = time.perf_counter()
    return _finish(path, [client.classify(path)], begin, wish)


def _ask_stream(
    client: Client, path: Path, wish: Wish, pieces: Callable[[Path], Iterator[PcmAudio]] | None = None
) -> dict[str, Any]:
    """A recording, piece by piece."""
    begin = time.perf_counter()
    return _finish(path, [*_stream(client, path, pieces or _recording)], begin, wish)


def _finish(path: Path, answers: list[Answer], begin: float, wish: Wish) -> dict[str, Any]:
    """Shows and draws what is asked for; gives what JSON shows."""
    seconds = time.perf_counter() - begin
    if wish.draw is not None:
        _draw(path, answers, wish.draw)
    if not wish.json:
        _show(path, answers, seconds)
    return _result(path, answers, seconds)


def _draw(path: Path, answers: list[Answer], output: Path) -> None:
    from pipit.cli.draw import draw  # noqa: PLC0415 (needs Pillow, which a client may not have)

    draw(path, [prediction for answer in answers for prediction in answer.predictions], output)


def _stream(client: Client, path: Path, pieces: Callable[[Path], Iterator[PcmAudio]]) -> Iterator[Answer]:
    """A second of sound at a time."""
    answered, refused = False, None
    for answer in client.stream(pieces(path)):
        if isinstance(answer, Refusal):
            refused = answer
            say(f"pipit: {path}: {answer.message}")
        else:
            answered = True
            yield answer
    if refused is not None and not answered:
        raise refused.error


def _recording(path: Path) -> Iterator[PcmAudio]:
    try:
        from pipit.inputs.audio.files import read_pieces  # noqa: PLC0415 (whole files need it only on the server)
    except ModuleNotFoundError as error:
        raise _not_installed(error, "long recordings", "audio,cli") from error
    return read_pieces(path)


def _sound_track(path: Path) -> Iterator[PcmAudio]:
    """Of a film, or of sound in a container that is made for films."""
    try:
        from pipit.data.recorded_sound import longer, sound_of  # noqa: PLC0415 (needs PyAV)
    except ModuleNotFoundError as error:
        raise _not_installed(error, "the sound of M4A, MP4 and WebM", "audio,cli,video") from error
    return (PcmAudio(piece[:, np.newaxis], _RATE) for piece in longer(sound_of(path, _RATE), _RATE))


def _not_installed(error: ModuleNotFoundError, what: str, extras: str) -> NotInstalled:
    return NotInstalled(
        f"the package {error.name!r}, which reads {what}, is not installed here; in the repository, run: "
        f"pip install --editable 'shared[{extras}]', or convert the file to WAV, FLAC, Ogg or MP3"
    )


def _result(path: Path, answers: list[Answer], seconds: float) -> dict[str, Any]:
    """One file as JSON shows it. Times of a stream's answers are added up."""
    return {
        "file": path,
        "request_id": answers[0].request_id if answers else None,
        "model": answers[0].model if answers else None,
        "predictions": [plain_prediction(part) for answer in answers for part in answer.predictions],
        "times_us": _stage_sums(answers),
        "round_trip_ms": round(seconds * 1000, 3),
    }


def _stage_sums(answers: Iterable[Answer]) -> dict[str, int]:
    """Microseconds by stage over all answers."""
    sums: Counter[str] = Counter()
    for answer in answers:
        sums.update({stage: round(seconds * 1e6) for stage, seconds in plain(answer.times).items()})
    return dict(sums)


def _show(path: Path, answers: list[Answer], seconds: float) -> None:
    print_table(_COLUMNS, _rows(path, answers))
    if not answers:
        print_line("nothing was answered: the recording is shorter than anything the model looks at")
        return
    model = answers[0].model
    times = ", ".join(f"{stage} {microseconds / 1000:.1f}" for stage, microseconds in _stage_sums(answers).items())
    print_line(
        f"{model.task} {model.version} ({model.variant}, {model.digest[:12]}): {seconds * 1000:.1f} ms there and back; "
        f"on the server, in ms: {times}"
    )
    if any(score.experimental for answer in answers for part in answer.predictions for score in part.scores):
        print_line(_EXPERIMENTAL)
    print_line(f"if that is wrong: pipit feedback {escape(answers[-1].request_id)} LABEL")


def _rows(path: Path, answers: list[Answer]) -> Iterator[tuple[str, ...]]:
    name = escape(path.name)
    for prediction in (part for answer in answers for part in answer.predictions):
        where = _where(prediction)
        answer = escape(prediction.label) or ("unknown" if prediction.unknown else "-")
        remark = "uncertain" if prediction.uncertain else ""
        first = (name, where, answer, remark)
        if not prediction.scores:
            yield name, where, answer, "-", "", "", remark
        for score in prediction.scores:
            detected = (
                "[bold green]yes[/bold green]" if score.detected else "experimental" if score.experimental else ""
            )
            yield *first[:3], escape(score.label), f"{score.score:.3f}", detected, first[3]
            first = ("", "", "", "")
        name = ""


def _where(prediction: Prediction) -> str:
    region = prediction.region
    if isinstance(region, TimeSpan):
        return f"{region.start:.1f}-{region.end:.1f} s"
    if not isinstance(region, Box):
        return "all"
    place = f"{region.left:.0f},{region.top:.0f} {region.width:.0f}x{region.height:.0f}"
    if prediction.region_score is None:
        return place
    return f"{place} ({prediction.region_score:.2f})" if prediction.region_score else f"{place} (nothing found)"
