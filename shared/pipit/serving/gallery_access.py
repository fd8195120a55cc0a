"""How this server gets at a gallery: a folder of its own, or the registry, in the caller's name.

                 bundles from folders               bundles from a registry
changes          the folder `gallery_dir`           the registry, with the caller's own token
what is named    the same folder, followed          the registry, followed with the server's token, and a sealed cache
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from pipit.errors import NotFound
from pipit.galleries import Galleries
from pipit.serving.people import People
from pipit.serving.unknown_faces import UnknownFaces

Reach = Callable[[str | None, float | None], Galleries]
"""Galleries in the name of whoever has a token, with so many seconds for each call."""


class GalleryAccess:
    """What the face service needs."""

    def __init__(self, reach: Reach, people: People, unknown: UnknownFaces | None = None) -> None:
        """unknown: None: unknown faces are not kept."""
        self._reach = reach
        self.people = people
        self.unknown = unknown

    @property
    def kept_unknown(self) -> UnknownFaces:
        """Raises NotFound where unknown faces are not kept."""
        if self.unknown is None:
            raise NotFound(
                "this server does not keep unknown faces; set PIPIT_SERVING_KEEP_UNKNOWN=true to keep them, sealed, "
                "for 24 hours, and tell the people who pass by"
            )
        return self.unknown

    @contextmanager
    def galleries(self, context: grpc.ServicerContext) -> Iterator[Galleries]:
        """In the caller's name, and no longer than the caller waits."""
        yield self._reach(token_of(context), context.time_remaining())


def token_of(context: grpc.ServicerContext) -> str | None:
    """The token that came with a call; None: it had none."""
    for key, value in context.invocation_metadata():
        if key == "authorization" and isinstance(value, str):
            return value.partition(" ")[2].strip() or None
    return None
