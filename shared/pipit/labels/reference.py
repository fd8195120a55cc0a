"""How a frozen data set is named: `NAME`, the newest of that name, or `NAME@DIGEST`; in recipes as `labels://…`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipit.errors import InvalidInput, NotFound
from pipit.labels.client import LabelClient
from pipit.labels.types import LabelSet

SCHEME = "labels://"
_REFERENCE = re.compile(r"(?:labels://)?(?P<name>[^@/\s]{1,100})(?:@(?P<digest>[0-9a-f]{8,64}))?")


@dataclass(frozen=True, slots=True)
class Reference:
    """digest: its first digits, at least eight, or all of them; empty for the newest of that name."""

    name: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}@{self.digest}" if self.digest else f"{SCHEME}{self.name}"

    def fetch(self, client: LabelClient) -> LabelSet:
        """Raises NotFound, InvalidInput for digits that several sets begin with."""
        if len(self.digest) in (0, 64):
            return client.get_set(self.name, self.digest)
        sets = [one for one in client.list_sets() if one.name == self.name and one.digest.startswith(self.digest)]
        if not sets:
            raise NotFound(f"there is no data set {self.name}@{self.digest}; `pipit label sets` lists them")
        if len({one.digest for one in sets}) > 1:
            raise InvalidInput(f"several data sets begin with {self.name}@{self.digest}; write more digits")
        return client.get_set(self.name, sets[0].digest)


def read_reference(text: str) -> Reference:
    """Raises InvalidInput."""
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"{text[:200]!r} is no data set of labels; write {SCHEME}NAME or {SCHEME}NAME@DIGEST")
    return Reference(found["name"], found["digest"] or "")
