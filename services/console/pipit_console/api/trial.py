"""Trying a model: a file, a second of a microphone, or a camera's picture."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pipit.client.types import Answer
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_with_size
from pipit.inputs.media import HEAD, Kind, media_of
from pipit.types import Box, Prediction, TimeSpan

from pipit_console.access import Asking, Parts, TaskPath
from pipit_console.models.fleet import Tried, TriedModel, TriedScore, TriedTimes, TryAnswer
from pipit_console.pictures import level_db
from pipit_console.trying import ask

router = APIRouter(tags=["try"])
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"format": "binary"}}}}}


async def body_of(request: Request) -> bytes:
    """All of it: the guard has looked at its size."""
    return await request.body()


@router.post("/try/{task}", openapi_extra=_BODY)
def try_out(task: TaskPath, session: Asking, parts: Parts, content: bytes = Depends(body_of)) -> TryAnswer:
    """What a server that has the task says of a recording or picture. Nothing of it is kept."""
    session.check_task(task)
    if not content:
        raise InvalidInput("the request is empty; send the bytes of a recording or picture")
    access = parts.settings.connection.access
    access["token"] = session.clients.token
    answer = ask(parts.settings.servers, access, task, content)
    is_picture = media_of(content[:HEAD]).kind is Kind.PICTURE
    width, height = decode_with_size(EncodedImage(content)).full_size if is_picture else (None, None)
    return TryAnswer(
        predictions=[_tried(prediction) for prediction in answer.predictions],
        model=TriedModel(
            task=answer.model.task,
            version=answer.model.version,
            digest=answer.model.digest,
            variant=answer.model.variant,
        ),
        times=_times(answer),
        level_db=None if is_picture else level_db(content),
        width=width,
        height=height,
    )


def _tried(prediction: Prediction) -> Tried:
    region = prediction.region
    return Tried(
        box=[region.left, region.top, region.width, region.height] if isinstance(region, Box) else [],
        span=[region.start, region.end] if isinstance(region, TimeSpan) else [],
        label=prediction.label,
        unknown=prediction.unknown,
        uncertain=prediction.uncertain,
        scores=[TriedScore(label=each.label, score=each.score, detected=each.detected) for each in prediction.scores],
    )


def _times(answer: Answer) -> TriedTimes:
    times = answer.times
    return TriedTimes(
        decode_ms=1000.0 * times.decode,
        queue_ms=1000.0 * times.queue,
        run_ms=1000.0 * times.run,
        interpret_ms=1000.0 * times.interpret,
    )
