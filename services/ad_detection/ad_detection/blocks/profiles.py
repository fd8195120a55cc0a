"""How long breaks, and the programme between two of them, last; by the kind of channel."""

from __future__ import annotations

from pipit.blocks.policy import Durations

PROFILES = {
    # A race on an American channel had 34 true changes, and no less than 80 s of programme between two breaks.
    "broadcast": Durations(between_least=80.0, block_least=15.0, between_mean=480.0, block_mean=150.0),
    # Sponsors, and single spots within a programme.
    "short_breaks": Durations(between_least=30.0, block_least=6.0, between_mean=300.0, block_mean=45.0),
    # Nothing is known.
    "any": Durations(between_least=0.0, block_least=0.0, between_mean=300.0, block_mean=120.0),
}
