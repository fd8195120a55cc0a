"""How `pipit faces` shows people and pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape

from pipit.cli.output import mark, plain, print_line, print_table
from pipit.client.faces_types import (
    Enrolled,
    Forgotten,
    HeldPerson,
    HeldTemplate,
    KnownPerson,
    PictureVerdict,
    UnknownSeen,
)


def print_verdicts(verdicts: Sequence[PictureVerdict]) -> None:
    """One row a picture, with all that is wrong with it."""
    rows = [
        (
            escape(verdict.picture),
            mark(verdict.accepted),
            "" if verdict.box is None else f"{verdict.box:.0f}",
            "" if verdict.quality is None else f"{verdict.quality:.2f}",
            verdict.view,
            escape("\n".join(one.message for one in verdict.refusals)),
        )
        for verdict in verdicts
    ]
    print_table(("picture", "good", ">pixels", ">quality", "view", "what is wrong, and what helps"), rows)


def print_enrolled(enrolled: Enrolled) -> None:
    """What was done."""
    good = f"good pictures: {enrolled.accepted} of {len(enrolled.verdicts)}"
    if enrolled.person is None:
        print_line(f"{good}; nothing was kept")
        return
    person = enrolled.person
    print_line(
        f"{good}; [bold]{escape(person.name)}[/bold] ({person.id}) is known by {person.templates}, at revision "
        f"{enrolled.revision} of the gallery; every device has it within seconds"
    )


def print_people(people: Sequence[KnownPerson]) -> None:
    """One row a person."""
    if not people:
        print_line("nobody is known; pipit faces enrol NAME PICTURES... makes somebody known")
        return
    rows = [
        (
            escape(person.name),
            str(person.templates),
            mark(person.in_force and person.templates > 0),
            escape(person.consent.by),
            escape(person.consent.purpose),
            _last_day(person.consent.until),
            "yes" if person.consent.keep_crops else "no",
            str(person.excluded or ""),
            person.id,
        )
        for person in people
    ]
    columns = ("name", ">pictures", "named", "agreed", "for", "until", "keeps faces", ">not", "id")
    print_table(columns, rows)
    outdated = [escape(person.name) for person in people if person.outdated and not person.templates]
    if outdated:
        print_line(f"known to another embedder alone: {', '.join(outdated)}; pipit faces reembed, or enrol them again")


def _last_day(until: str) -> str:
    """As `--until` takes it: consent ends when that day has."""
    if not until:
        return "no end"
    return f"{datetime.fromisoformat(until) - timedelta(seconds=1):%Y-%m-%d}"


def print_forgotten(forgotten: Forgotten) -> None:
    """Who is gone, and where not yet."""
    name = escape(forgotten.name or "whoever it was")
    print_line(f"[bold]{name}[/bold] ({forgotten.id}) is forgotten, at revision {forgotten.revision} of the gallery")
    if not forgotten.devices:
        return
    rows = [(escape(one.id), mark(one.acknowledged), str(one.revision)) for one in forgotten.devices]
    print_table(("device", "has deleted", ">revision"), rows)
    waiting = [one.id for one in forgotten.devices if not one.acknowledged]
    if waiting:
        print_line(
            f"not yet: {escape(', '.join(waiting))}. Each deletes its sealed copy, and names the person no more, as "
            "soon as it reaches the registry"
        )


def print_unknown(seen: UnknownSeen, folder: Path | None) -> None:
    """One row a cluster."""
    if not seen.kept:
        print_line(
            "this server keeps no unknown faces; PIPIT_SERVING_KEEP_UNKNOWN=true makes it keep them for 24 hours"
        )
        return
    if seen.clusters:
        rows = [(one.id, str(one.faces), one.first_seen, one.last_seen) for one in seen.clusters]
        print_table(("cluster", ">faces", "first seen", "last seen"), rows)
    print_line(f"clusters: {len(seen.clusters)}; faces that were seen less than three times: {seen.single}")
    if folder is not None and seen.clusters:
        print_line(f"the best picture of each is in {escape(str(folder))}")


def plain_held(held: HeldPerson) -> dict[str, Any]:
    """As JSON: pictures in base64."""
    return {
        "gallery": held.gallery,
        "revision": held.revision,
        "person": plain(held.person),
        "templates": [_plain_template(template) for template in held.templates],
        "excluded": [_plain_template(template) for template in held.excluded],
    }


def save_crops(held: HeldPerson, folder: Path) -> int:
    """Writes person.json and one PNG for each kept face; gives how many."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "person.json").write_text(json.dumps(plain_held(held), indent=2, ensure_ascii=False) + "\n", "utf-8")
    crops = {template.source: template.crop for template in held.templates if template.crop}
    for source, crop in crops.items():
        (folder / f"{source[:12]}.png").write_bytes(crop)
    return len(crops)


def _plain_template(template: HeldTemplate) -> dict[str, Any]:
    return {
        "embedder": template.embedder,
        "quality": template.quality,
        "source": template.source,
        "vector": list(template.vector),
        "crop": base64.b64encode(template.crop).decode(),
    }
