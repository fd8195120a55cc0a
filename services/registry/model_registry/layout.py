"""Where everything lies in the object store.

blobs/sha256/<digest>                         content, written once; a manifest is a blob too
models/<task>/versions/<version>.json         written once, last of all that a version needs
models/<task>/environments/<environment>.json the pointer, its history, the rollout that is open; compare-and-swap
models/<task>/rollouts/<id>.json              a rollout that has ended, written once
devices/<id>.json                             what people make of a device: token, pins; changed by compare-and-swap
fleet/<replica>.json                          what one copy of the service heard last of each device, by that copy alone
signatures/<digest>/<key>                     of a manifest, by a further key; 64 bytes, written once
keys/signing.json                             the keys that may sign bundles, changed by compare-and-swap
uploads/<digest>/<offset>                     pieces of a blob whose publishing broke off
galleries/<name>/…                            sealed people; see `pipit.galleries.stored`
audit/<number>.json                           who did what, each written once; see `model_registry.audit_log`
"""

from __future__ import annotations

import re
from typing import Annotated

from pipit.bundle import SemanticVersion
from pipit.bundle.manifest import Digest, TaskName
from pipit.errors import InvalidInput
from pipit.galleries.acknowledgements import check_device
from pydantic import Field, TypeAdapter, ValidationError

MODELS = "models/"
AUDIT = "audit/"
KEYS = "keys/signing.json"
"""The keys that may sign bundles, with those that were revoked."""
SIGNATURES = "signatures/"
DEVICES = "devices/"
FLEET = "fleet/"
_OFFSET_DIGITS = 20
"""So that keys sort as the numbers do."""
_task = TypeAdapter(TaskName)
_digest = TypeAdapter(Digest)
_environment = TypeAdapter(Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")])
_ROLLOUT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_VERSION_KEY = re.compile(r"models/([^/]+)/versions/([^/]+)\.json")
_SIGNATURE_KEY = re.compile(r"signatures/([0-9a-f]{64})/([0-9a-f]{16})")
_ENVIRONMENT_KEY = re.compile(r"models/([^/]+)/environments/([^/]+)\.json")
_ROLLOUT_KEY = re.compile(r"models/([^/]+)/rollouts/([^/]+)\.json")
_DEVICE_KEY = re.compile(r"devices/([^/]+)\.json")


def check_task(name: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return _checked(_task, name, "a task such as home_security.sounds")


def check_environment(name: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return _checked(_environment, name, "an environment such as production: small letters, digits, '-' and '_'")


def check_digest(digest: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return _checked(_digest, digest, "a SHA-256 in hexadecimal")


def _checked(adapter: TypeAdapter[str], text: str, what: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError:
        raise InvalidInput(f"{text[:100]!r} is not the name of {what}") from None


def blob(digest: str) -> str:
    """Key of a blob."""
    return f"blobs/sha256/{check_digest(digest)}"


def version(task: str, number: str) -> str:
    """Key of a version's document. Raises InvalidInput for what is no semantic version."""
    return f"{versions(task)}{SemanticVersion(number)}.json"


def versions(task: str) -> str:
    """Prefix of a task's versions."""
    return f"{MODELS}{check_task(task)}/versions/"


def environment(task: str, name: str) -> str:
    """Key of an environment's document."""
    return f"{MODELS}{check_task(task)}/environments/{check_environment(name)}.json"


def environments(task: str) -> str:
    """Prefix of a task's environments."""
    return f"{MODELS}{check_task(task)}/environments/"


def rollouts(task: str) -> str:
    """Prefix of a task's rollouts that have ended."""
    return f"{MODELS}{check_task(task)}/rollouts/"


def rollout(task: str, identity: str) -> str:
    """Key of a rollout that has ended. Raises InvalidInput."""
    if _ROLLOUT_ID.fullmatch(identity) is None:
        raise InvalidInput(f"{identity[:100]!r} is not the id of a rollout; `pipit rollout list` shows them")
    return f"{rollouts(task)}{identity}.json"


def device(identity: str) -> str:
    """Key of what people made of a device. Raises InvalidInput."""
    return f"{DEVICES}{check_device(identity)}.json"


def sheet(replica: str) -> str:
    """Key of what one copy of the service heard of devices."""
    return f"{FLEET}{replica}.json"


def parts(digest: str) -> str:
    """Prefix of the pieces of an unfinished blob."""
    return f"uploads/{check_digest(digest)}/"


def part(digest: str, offset: int) -> str:
    """Key of the piece that begins at `offset`."""
    return f"{parts(digest)}{offset:0{_OFFSET_DIGITS}}"


def part_offset(key: str) -> int:
    """The reverse of `part`."""
    return int(key.rpartition("/")[2])


def audit_record(number: int) -> str:
    """Key of a record of the audit log."""
    return f"{AUDIT}{number:0{_OFFSET_DIGITS}}.json"


def audit_sequence(key: str) -> int:
    """The reverse of `audit_record`; 0 for any other key."""
    name = key.removeprefix(AUDIT).removesuffix(".json")
    return int(name) if len(name) == _OFFSET_DIGITS and name.isdigit() else 0


def version_of_key(key: str) -> tuple[str, str] | None:
    """Task and version of a version's key; None for any other."""
    match = _VERSION_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def environment_of_key(key: str) -> tuple[str, str] | None:
    """Task and name of an environment's key; None for any other."""
    match = _ENVIRONMENT_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def rollout_of_key(key: str) -> tuple[str, str] | None:
    """Task and id of the key of a rollout that has ended; None for any other."""
    match = _ROLLOUT_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def device_of_key(key: str) -> str | None:
    """The device's id of the key of its document; None for any other."""
    match = _DEVICE_KEY.fullmatch(key)
    return match[1] if match else None


def signatures(digest: str) -> str:
    """Prefix of the signatures that came after a manifest was published."""
    return f"{SIGNATURES}{check_digest(digest)}/"


def signature(digest: str, key: str) -> str:
    """Key of the signature of a manifest by a key, by its id."""
    return f"{signatures(digest)}{key}"


def signature_of_key(key: str) -> tuple[str, str] | None:
    """The manifest's digest and the signing key's id, of a signature's key; None for any other."""
    match = _SIGNATURE_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None
