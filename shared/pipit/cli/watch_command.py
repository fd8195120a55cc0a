"""The parts of `pipit classify` that follow something over time: which source, which tasks, what is left at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from pipit.cli.exit_codes import NotInstalled
from pipit.cli.output import print_json_line, print_line
from pipit.cli.watch import Moment, Shown, Tally, pictures, watch
from pipit.cli.watch_output import MomentView
from pipit.client import Client, Refusal
from pipit.client.client import AHEAD
from pipit.errors import InvalidInput
from pipit.inputs.media import Kind, Media, media_of_file
from pipit.types import Box, Prediction, TimeSpan

HOPELESS = 10
"""Inputs that are refused from the first one on; then the rest is not sent."""
_NEEDS = "in the repository, run: pip install --editable 'shared[audio,cli,image,landmarks,video]'"


@dataclass(frozen=True)
class Wish:
    """What is asked for. rate: pictures a second at most; None: all. draw: where to write the last picture."""

    tasks: tuple[str, ...]
    json: bool
    rate: float | None = None
    draw: Path | None = None


def is_watched(media: Media) -> bool:
    """Whether a file is followed over time, and not sent whole."""
    return media.kind in (Kind.FILM, Kind.LANDMARKS)


def watch_file(client: Client, path: Path, wish: Wish) -> dict[str, Any]:
    """A video, or a landmark file. Gives what JSON shows of it. Raises the errors of `pipit.errors`."""
    media = media_of_file(path)
    if media.kind is Kind.LANDMARKS:
        return _landmark_file(client, path, wish)
    tasks = _tasks(client, wish)
    try:
        from pipit.inputs.video import read_frames  # noqa: PLC0415 (needs PyAV, which most clients do without)
    except ModuleNotFoundError as error:
        text = f"the package {error.name!r}, which reads videos, is not installed here; {_NEEDS}"
        raise NotInstalled(text) from error
    moments = watch(client, tasks, pictures(read_frames(path, wish.rate)), AHEAD)
    return {"file": path, **_show(moments, tasks, path.name, wish)}


def hears(client: Client, wish: Wish) -> bool:
    """Whether all that is asked goes by sound alone."""
    kinds = {model.task: model.input_kind for model in client.models()}
    return all(kinds.get(task) == "audio" for task in _tasks(client, wish))


def watch_camera(client: Client, name: str, wish: Wish) -> None:
    """Until the camera ends, or Ctrl-C: that is how one stops it, and no failure."""
    try:
        from pipit.inputs.camera import Camera  # noqa: PLC0415 (needs PyAV, which most clients do without)
    except ModuleNotFoundError as error:
        text = f"the package {error.name!r}, which reads cameras, is not installed here; {_NEEDS}"
        raise NotInstalled(text) from error
    tasks = _tasks(client, wish)
    tally = Tally()
    with Camera(name) as camera:
        moments = watch(client, tasks, pictures(camera.frames(wish.rate)), ahead=0)
        try:
            with _view(tasks, f"camera {name}; Ctrl-C ends it", wish) as view:
                for moment in _counted(moments, tally):
                    if view is None:
                        print_json_line(_plain(moment))
                    else:
                        rate = tally.inputs / max(moment.seconds or 0.0, 1e-3)
                        view.add(moment, f"{rate:.1f} pictures a second, {camera.left_out} left out")
        except KeyboardInterrupt:
            pass
        if not wish.json:
            print_line(f"{tally.inputs} pictures answered, {camera.left_out} left out because others were under way")
    _end(tally, wish)


def _landmark_file(client: Client, path: Path, wish: Wish) -> dict[str, Any]:
    try:
        from pipit.cli.recordings import read_recordings  # noqa: PLC0415 (needs LiteRT, which a client may not have)
    except ModuleNotFoundError as error:
        raise NotInstalled(f"the package {error.name!r} is not installed here; {_NEEDS}") from error
    if wish.draw is not None:
        raise InvalidInput("--draw needs a picture, and a landmark file holds none")
    held = read_recordings(path)
    kinds = {model.task: model.input_kind for model in client.models()}
    tasks = _tasks(client, wish)
    over_time = tuple(task for task in tasks if kinds.get(task) == "sequence")
    recordings = [(recording, tasks) for recording in held.videos]
    recordings += [(recording, over_time) for recording in held.folders() if over_time]
    shown = []
    for recording, asked in recordings:
        items = (Shown(item, seconds) for item, seconds in recording.items)
        answers = _show(watch(client, asked, items, AHEAD), asked, f"{path.name}: {recording.name}", wish)
        shown.append({"recording": recording.name, **answers})
    alone = [task for task in tasks if task not in over_time]
    if alone and held.pictures:
        shown.append({"recording": "", **_show(_one_by_one(client, alone, held.pictures), alone, path.name, wish)})
    return {"file": path, "recordings": shown}


def _one_by_one(client: Client, tasks: Iterable[str], items: Iterable[tuple[str, Any]]) -> Iterator[Moment]:
    """Pictures that have nothing to do with each other."""
    for name, item in items:
        found = {} if item is None else {task: (client.classify(item, task),) for task in tasks}
        yield Moment(Shown(item, None, name=name), found, {})


def _tasks(client: Client, wish: Wish) -> tuple[str, ...]:
    """Those that were named, else the server's only one."""
    if wish.tasks:
        return wish.tasks
    known = sorted(model.task for model in client.models())
    if len(known) != 1:
        raise InvalidInput(f"name a task by --task; this server has {', '.join(known) or 'none'}")
    return (known[0],)


def _view(tasks: tuple[str, ...], title: str, wish: Wish) -> AbstractContextManager[MomentView | None]:
    return nullcontext() if wish.json else MomentView(tasks, title)


def _show(moments: Iterator[Moment], tasks: Iterable[str], title: str, wish: Wish) -> dict[str, Any]:
    tally = Tally()
    kept: list[dict[str, Any]] = []
    with _view(tuple(tasks), title, wish) as view:
        for moment in _counted(moments, tally):
            if view is None:
                kept.append(_plain(moment))
            else:
                view.add(moment, f"{tally.inputs} pictures")
    if view is not None:
        models = ", ".join(f"{m.task} {m.version} ({m.variant}, {m.digest[:12]})" for m in tally.models.values())
        print_line(f"{escape(title)}: {tally.inputs} answered{' by ' + models if models else ''}")
    _end(tally, wish)
    return {"models": tally.models, "moments": kept}


def _counted(moments: Iterator[Moment], tally: Tally) -> Iterator[Moment]:
    for moment in moments:
        tally.add(moment)
        if tally.refused >= HOPELESS and not tally.answered:
            break
        yield moment


def _end(tally: Tally, wish: Wish) -> None:
    """Raises what refused everything."""
    if tally.last_refusal is not None and not tally.answered:
        raise tally.last_refusal.error
    if wish.draw is not None and tally.picture is not None:
        from pipit.cli.draw import draw_over  # noqa: PLC0415 (needs Pillow, which a client may not have)

        draw_over(*tally.picture, wish.draw)


def _plain(moment: Moment) -> dict[str, Any]:
    """As JSON shows it."""
    return {
        "seconds": moment.seconds,
        **({"picture": moment.shown.name} if moment.shown is not None and moment.shown.name else {}),
        "predictions": {
            task: [plain_prediction(part) for answer in answers for part in answer.predictions]
            for task, answers in moment.answers.items()
        },
        **_refused(moment.refusals),
    }


def _refused(refusals: Mapping[str, tuple[Refusal, ...]]) -> dict[str, Any]:
    said = {task: [one.message for one in ones] for task, ones in refusals.items() if ones}
    return {"refused": said} if said else {}


def plain_prediction(prediction: Prediction) -> dict[str, Any]:
    """As JSON shows it."""
    region = prediction.region
    return {
        "span": region if isinstance(region, TimeSpan) else None,
        "box": region if isinstance(region, Box) else None,
        "region_score": prediction.region_score,
        "quality": prediction.quality,
        "label": prediction.label,
        "scores": prediction.scores,
        "unknown": prediction.unknown,
        "uncertain": prediction.uncertain,
    }
