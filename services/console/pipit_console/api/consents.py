"""What devices may keep, what has left them, and how it is deleted."""

from __future__ import annotations

from fastapi import APIRouter
from pipit.examples import Consent, Departure

from pipit_console.access import Asking, Parts, TaskPath
from pipit_console.models.base import Deleted, Done
from pipit_console.models.fleet import ConsentAsked

router = APIRouter(tags=["consents"])


@router.get("/consents")
def list_consents(session: Asking, device: str = "") -> list[Consent]:
    """Of every device, or of one."""
    return [consent for consent in session.clients.examples.list_consents(device) if session.may_ask(consent.task)]


@router.put("/consents/{device}/{task}")
def give_consent(device: str, task: TaskPath, asked: ConsentAsked, session: Asking) -> Consent:
    """From now on the device keeps inputs of the task; or changes how."""
    return session.clients.examples.give_consent(Consent(device_id=device, task=task, **asked.model_dump()))


@router.delete("/consents/{device}/{task}")
def withdraw_consent(device: str, task: TaskPath, session: Asking) -> Done:
    """The device keeps nothing more of the task, and deletes what it has not sent."""
    session.clients.examples.withdraw_consent(device, task)
    return Done()


@router.get("/departures")
def departures(session: Asking, device: str = "", task: str = "") -> list[Departure]:
    """What left which device on which day."""
    return [each for each in session.clients.examples.departures(device, task) if session.may_ask(each.task)]


@router.delete("/examples/{task}")
def delete_examples(
    task: TaskPath,
    session: Asking,
    parts: Parts,
    id: str = "",  # noqa: A002 (the parameter's name)
    device: str = "",
    day: str = "",
) -> Deleted:
    """Deletes for good what all that is given names: one, or all of a device, of a day, of both."""
    deleted = session.clients.examples.delete_examples(task, id, device, day)
    parts.pools.look_again(task)
    return Deleted(deleted=deleted)
