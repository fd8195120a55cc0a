"""Where sealed people lie, and how devices follow them: an interface, a store of one's own, and the registry.

    whoever enrols ── put, forget ──> Galleries <── list, get, watch, acknowledge ── every device that names people
                                          │
                             StoredGalleries (a folder, MinIO)  or  RemoteGalleries (the registry)

Whatever passes here is sealed; nothing here needs a key but the follower on the device, which opens it.
"""

from pipit.galleries.base import Changes, Galleries
from pipit.galleries.cache import GalleryCache
from pipit.galleries.follower import GalleryFollower
from pipit.galleries.remote import RemoteGalleries
from pipit.galleries.stored import StoredGalleries
from pipit.galleries.types import DeviceState, Entry, Listing, Snapshot, Tombstone

__all__ = [
    "Changes",
    "DeviceState",
    "Entry",
    "Galleries",
    "GalleryCache",
    "GalleryFollower",
    "Listing",
    "RemoteGalleries",
    "Snapshot",
    "StoredGalleries",
    "Tombstone",
]
