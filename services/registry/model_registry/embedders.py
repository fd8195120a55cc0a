"""Whether a bundle knows everybody who is known today.

A bundle whose pipeline's parameters name an embedder (`embedder.digest`) compares with templates of that one alone.
Promoted before a gallery has them, it would call everybody a stranger.
"""

from __future__ import annotations

from pipit.bundle import Manifest
from pipit.galleries import Listing, StoredGalleries

_MOST_NAMED = 3


def strangers_to(manifest: Manifest, galleries: StoredGalleries) -> tuple[str, ...]:
    """A sentence for each gallery with people who have no template of the bundle's embedder; none: all is well."""
    embedder = manifest.pipeline.parameters.get("embedder")
    digest = embedder.get("digest") if isinstance(embedder, dict) else None
    if not isinstance(digest, str):
        return ()
    listings = (galleries.list(name) for name in galleries.names())
    return tuple(_sentence(listing, lacking) for listing in listings if (lacking := listing.lacking(digest)))


def _sentence(listing: Listing, lacking: tuple[str, ...]) -> str:
    more = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
    return (
        f"in gallery {listing.gallery} {len(lacking)} of {len(listing.entries)} people have no template of its "
        f"embedder ({', '.join(lacking[:_MOST_NAMED])}{more})"
    )
