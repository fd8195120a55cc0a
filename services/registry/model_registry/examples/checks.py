"""What a consent and an example may be: everything in them was sent by somebody."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from pipit.errors import InputTooLarge, InvalidInput
from pipit.examples import Consent, Example, Part, Reason
from pipit.examples.ids import day_of

from model_registry import layout

_LONGEST_TEXT = 200
_LONGEST_CONSENT = 4000
_MOST_PARTS = 100
_MOST_SCORES = 10
_MOST_DAYS = 36_500
_MEDIA_TYPE = re.compile(r"(?:image|audio)/[a-z0-9][a-z0-9.+-]{0,60}|application/x-npz|application/json")
_DAY = re.compile(r"[0-9]{8}")


def check_consent(consent: Consent) -> None:
    """Raises InvalidInput."""
    layout.consent(consent.device_id, consent.task)
    if not 1 <= len(consent.text.strip()) <= _LONGEST_CONSENT:
        raise InvalidInput(f"a consent says what people agreed to, in 1 to {_LONGEST_CONSENT} characters")
    if not 0.0 <= consent.low <= consent.high <= 1.0:
        raise InvalidInput("the band of scores lies from 0 to 1, its lower end first; 0.4 to 0.6 is usual")
    if not (0.0 <= consent.rate <= 1.0 and 0.0 <= consent.random_rate <= 1.0):
        raise InvalidInput("a rate is a share from 0 to 1; 0.1 keeps one of ten")
    if consent.quota_bytes <= 0:
        raise InvalidInput("a device keeps nothing with a quota of 0; withdraw the consent instead")
    if consent.keep_days > _MOST_DAYS:
        raise InvalidInput(f"keep at most {_MOST_DAYS} days, or 0 for ever")


def check_day(day: str) -> str:
    """Gives it back. Raises InvalidInput."""
    if day and _DAY.fullmatch(day) is None:
        raise InvalidInput(f"{day[:40]!r} is no day; write it as 20261129")
    return day


def check_example(example: Example, most_bytes: int, now: datetime) -> None:
    """Raises InvalidInput; InputTooLarge over `most_bytes` of content."""
    layout.example(example.task, example.id)
    layout.check_digest(example.sha256)
    if example.taken_at is None:
        raise InvalidInput("an example says when it was taken (taken_at)")
    if example.id != f"{example.taken_at:%Y%m%d}-{example.sha256[:32]}":
        raise InvalidInput("the id is not the day (UTC) it was taken and the first 32 digits of its content's SHA-256")
    if example.taken_at > now + timedelta(days=1):
        raise InvalidInput(f"it was taken on {day_of(example.id)}, which is yet to come; set the device's clock")
    if _MEDIA_TYPE.fullmatch(example.media_type) is None:
        raise InvalidInput(
            f"{example.media_type[:60]!r} can't be kept; send image/…, audio/…, application/x-npz or application/json"
        )
    if example.bytes == 0:
        raise InvalidInput("the content is empty")
    if example.bytes > most_bytes:
        raise InputTooLarge(f"the content has {example.bytes} bytes; this registry keeps at most {most_bytes}")
    if example.reason is Reason.UNSPECIFIED:
        raise InvalidInput("it says no reason that this registry knows; is the registry older than who sent it?")
    _check_texts((example.version, example.other_version, example.corrected, example.group, example.name))
    if example.position is not None and not (math.isfinite(example.position) and example.position >= 0):
        raise InvalidInput("a position is a number of seconds, 0 or more")
    if len(example.parts) + len(example.other_parts) > _MOST_PARTS:
        raise InvalidInput(f"at most {_MOST_PARTS} parts of an example are kept; leave the others out")
    for part in (*example.parts, *example.other_parts):
        _check_part(part)


def _check_part(part: Part) -> None:
    if len(part.box) not in {0, 4} or len(part.span) not in {0, 2} or len(part.scores) > _MOST_SCORES:
        raise InvalidInput(
            f"a part has a box of 4 numbers or none, a span of 2 or none, and at most {_MOST_SCORES} scores"
        )
    _check_texts((part.label, *(score.label for score in part.scores)))
    if not all(map(math.isfinite, (*part.box, *part.span, *(score.score for score in part.scores)))):
        raise InvalidInput("a part's box, span and scores are finite numbers")


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        if len(text) > _LONGEST_TEXT:
            raise InvalidInput(f"{text[:40]!r}… has {len(text)} characters; at most {_LONGEST_TEXT} are taken")
