"""Devices and rollouts, seen from outside of the registry: plain data and the client."""

from pipit.fleet.client import FleetClient, Started
from pipit.fleet.types import (
    SCORE_BINS,
    ArmComparison,
    Device,
    DeviceReport,
    Evidence,
    Lane,
    PinnedTask,
    Rollout,
    RolloutState,
    RolloutView,
    Stage,
    State,
    TaskReport,
    Verdict,
    Window,
    WindowKind,
)

__all__ = [
    "SCORE_BINS",
    "ArmComparison",
    "Device",
    "DeviceReport",
    "Evidence",
    "FleetClient",
    "Lane",
    "PinnedTask",
    "Rollout",
    "RolloutState",
    "RolloutView",
    "Stage",
    "Started",
    "State",
    "TaskReport",
    "Verdict",
    "Window",
    "WindowKind",
]
