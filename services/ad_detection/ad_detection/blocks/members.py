"""Bundles as members of an ensemble: found by their folder, their run, or task@version of the registry."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pipit.answers import DEFAULT_THRESHOLD
from pipit.bundle import open_bundle
from pipit.bundle.manifest import Manifest
from pipit.bundle.manifest_file import parse_manifest
from pipit.cli.bundles import bundle_at
from pipit.cli.registry import connected
from pipit.errors import InvalidInput, NotFound
from pipit.files import sha256_bytes

from ad_detection.blocks.ensemble import Member
from ad_detection.blocks.pipeline import AD, CONTENT

_REGISTERED = re.compile(r"([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)@(.+)")
_KINDS = {"image": False, "sequence": False, "audio": True}
"""Whether a task with that kind of input hears."""


def member_of(manifest: Manifest, digest: str) -> Member:
    """A bundle as a member. Raises InvalidInput for one that says nothing of advertisements, or takes no recording."""
    where = f"{manifest.task} {manifest.version}"
    if set(manifest.labels) != {AD, CONTENT}:
        raise InvalidInput(
            f"{where} can't be a member: its labels are {', '.join(manifest.labels)}, and have to be {AD} and {CONTENT}"
        )
    hears = _KINDS.get(manifest.input.kind)
    if hears is None:
        raise InvalidInput(f"{where} can't be a member: it takes a {manifest.input.kind}, and no pictures and no sound")
    threshold = manifest.decision.thresholds.get(AD, DEFAULT_THRESHOLD)
    return Member(manifest.task.partition(".")[2], manifest.task, str(manifest.version), digest, hears, threshold)


def find_members(texts: Sequence[str], registered: Callable[[str, str], bytes] | None = None) -> tuple[Member, ...]:
    """Each a folder of a bundle or a run, or task@version. registered: gives a manifest of the registry, byte for byte.

    Members of one task are told apart by a number. Raises NotFound, InvalidInput, and what asking the registry raises.
    """
    found: list[Member] = []
    for text in texts:
        member = _found(text, registered or _manifest_of)
        same = sum(other.task == member.task for other in found)
        found.append(replace(member, name=f"{member.name}_{same + 1}") if same else member)
    return tuple(found)


def require_members(texts: Sequence[str], known: Sequence[Member]) -> tuple[Member, ...]:
    """The members that are named, in that order, of those that there are scores of; all of them if none is named.

    Raises NotFound for one that there are no scores of, and as `find_members`.
    """
    if not texts:
        return tuple(known)
    by_digest = {member.digest: member for member in known}
    chosen = []
    for member in find_members(texts):
        if member.digest not in by_digest:
            there = "; ".join(map(str, known))
            raise NotFound(
                f"the data hold no scores of {member}, but of {there}; make them by pipit ads scores, or name these"
            )
        chosen.append(by_digest[member.digest])
    return tuple(chosen)


def _found(text: str, registered: Callable[[str, str], bytes]) -> Member:
    if Path(text).expanduser().is_dir():
        bundle = open_bundle(bundle_at(Path(text).expanduser()))
        return member_of(bundle.manifest, bundle.digest)
    named = _REGISTERED.fullmatch(text)
    if named is None:
        raise NotFound(f"there is no member {text}; name the folder of a bundle or a run, or task@version")
    content = registered(named[1], named[2])
    return member_of(parse_manifest(content), sha256_bytes(content))


def _manifest_of(task: str, version: str) -> bytes:
    with connected("") as client:
        return client.get_version(task, version).manifest
