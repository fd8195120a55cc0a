"""The registry, seen by those who use it: a client, a cache on disk, and a follower of what a device should run."""

from pipit.registry.cache import BundleCache
from pipit.registry.cancellation import Cancellation
from pipit.registry.client import AssignmentStream, RegistryClient
from pipit.registry.follower import AssignmentFollower
from pipit.registry.seen import SeenRevisions
from pipit.registry.types import (
    Assignment,
    Environment,
    GateResult,
    Listing,
    Move,
    Promotion,
    PublishedVersion,
    PublishProgress,
    Version,
    VersionContent,
)

__all__ = [
    "Assignment",
    "AssignmentFollower",
    "AssignmentStream",
    "BundleCache",
    "Cancellation",
    "Environment",
    "GateResult",
    "Listing",
    "Move",
    "Promotion",
    "PublishProgress",
    "PublishedVersion",
    "RegistryClient",
    "SeenRevisions",
    "Version",
    "VersionContent",
]
