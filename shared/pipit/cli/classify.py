"""`pipit classify`: files to a server, answers in a table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipit.cli.exit_codes import exit_code_of
from pipit.cli.output import JsonOption, plain, print_json, print_line, print_table, say
from pipit.cli.settings import CliSettings
from pipit.cli.watch_command import Wish, is_watched, plain_prediction, watch_camera, watch_file
from pipit.client import Answer, Client, PcmAudio, Refusal
from pipit.errors import InvalidInput, NotFound, PipitError
from pipit.settings import load_settings
from pipit.types import Box, Prediction, TimeSpan

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
            help="WAV, FLAC, Ogg, MP3; JPEG, PNG, WebP; videos; landmark files (.npz); minutes of physiology (.csv).",
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
    stream: Annotated[bool, typer.Option("--stream", help="Send audio piece by piece: for long recordings.")] = False,
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
    if len(tasks) > 1 and not all(is_watched(path) for path in files):
        raise InvalidInput("several tasks can be asked of videos and cameras alone; call it once for each task")
    settings = load_settings(CliSettings)
    client = Client(
        server or settings.server,
        task=tasks[0] if tasks else "",
        version=version,
        environment=environment,
        token=settings.token,
        ca=settings.ca,
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
                ask = watch_file if is_watched(path) else _ask_stream if stream else _ask
                results.append(ask(client, path, wish))
            except PipitError as error:
                failure = failure or error
                results.append({"file": path, "error": {"status": error.status, "message": str(error)}})
                say(f"pipit: {path}: {error}")
    if json:
        print_json(results)
    if failure is not None:
        raise typer.Exit(exit_code_of(failure))


def _ask(client: Client, path: Path, wish: Wish) -> dict[str, Any]:
    """A whole file."""
    begin = time.perf_counter()
    return _finish(path, [client.classify(path)], begin, wish)


def _ask_stream(client: Client, path: Path, wish: Wish) -> dict[str, Any]:
    """A recording, piece by piece."""
    begin = time.perf_counter()
    return _finish(path, [*_stream(client, path)], begin, wish)


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


def _stream(client: Client, path: Path) -> Iterator[Answer]:
    """Only what a stream needs: 16-bit samples of one second at a time."""
    import soundfile  # noqa: PLC0415 (whole files need it only on the server)

    try:
        with soundfile.SoundFile(path) as sound:
            blocks = sound.blocks(sound.samplerate, dtype="int16")
            for answer in client.stream(PcmAudio(block, sound.samplerate) for block in blocks):
                if isinstance(answer, Refusal):
                    say(f"pipit: {path}: {answer.message}")
                else:
                    yield answer
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except soundfile.LibsndfileError as error:
        if not path.exists():
            raise NotFound(f"there is no file {path}") from error
        raise InvalidInput(f"{path} can't be read as audio: {error}") from error


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
