"""One example: what is known of it, and its content as browsers show and play it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from pipit.examples import Example
from pipit.inputs.audio import LogMelParameters

from pipit_console.access import Console, Labelling, Parts, TaskPath
from pipit_console.contents import respond
from pipit_console.models import labels as models
from pipit_console.pictures import log_mel_picture, pcm_wav, thumbnail
from pipit_console.sessions import Session
from pipit_console.showing import show_item

router = APIRouter(prefix="/label/{task}/items/{identity}", tags=["items"])
_Make = Callable[[bytes, LogMelParameters], tuple[str, bytes]]


@router.get("")
def get_item(task: TaskPath, identity: str, session: Labelling, parts: Parts) -> models.Item:
    """As this person may see it."""
    return show_item(parts.pools.get(task, session).index.item(identity, session.name))


@router.get("/content", response_class=Response)
def get_content(task: TaskPath, identity: str, request: Request, session: Labelling, parts: Parts) -> Response:
    """As it was taken; parts of it by Range."""
    example = parts.pools.get(task, session).example(identity, session)
    return respond(request, example.media_type, _content(parts, session, example), example.sha256, identity)


@router.get("/thumbnail", response_class=Response)
def get_thumbnail(task: TaskPath, identity: str, request: Request, session: Labelling, parts: Parts) -> Response:
    """A picture of at most 256 pixels; of a sound its log-mel."""
    pool = parts.pools.get(task, session)
    example = pool.example(identity, session)
    return _made(
        request, parts, session, example, "thumbnail", lambda data, how: thumbnail(example.media_type, data, how)
    )


@router.get("/log_mel", response_class=Response)
def get_log_mel(task: TaskPath, identity: str, request: Request, session: Labelling, parts: Parts) -> Response:
    """The model's own log-mel of a sound, PNG: a column a frame, a row a band, the lowest at the bottom."""
    example = parts.pools.get(task, session).example(identity, session)
    return _made(
        request, parts, session, example, "log_mel", lambda data, how: ("image/png", log_mel_picture(data, how))
    )


@router.get("/wav", response_class=Response)
def get_wav(task: TaskPath, identity: str, request: Request, session: Labelling, parts: Parts) -> Response:
    """A sound as PCM WAV, which every browser plays."""
    example = parts.pools.get(task, session).example(identity, session)
    return _made(request, parts, session, example, "wav", lambda data, _: ("audio/wav", pcm_wav(data)))


def _made(request: Request, parts: Console, session: Session, example: Example, kind: str, make: _Make) -> Response:
    """kind: of what is made of the content, and of the spectrogram that the task's newest version has."""
    how = parts.pools.get(example.task, session).log_mel(session)
    key = (example.task, example.id, kind, "" if kind == "wav" else repr(how))
    media_type, made = parts.contents.get(key, lambda: make(_content(parts, session, example), how))
    return respond(request, media_type, made, f"{example.sha256}-{kind}-{hash(key) & 0xFFFFFF:x}", example.id)


def _content(parts: Console, session: Session, example: Example) -> bytes:
    read = session.clients.examples.read_content
    key = (example.task, example.id, "content")
    return parts.contents.get(key, lambda: (example.media_type, read(example.task, example.id)))[1]
