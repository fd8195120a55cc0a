"""A client of the registry's fleet service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit._pb.pipit.fleet.v1 import fleet_pb2_grpc
from pipit.fleet.types import Device, DeviceReport, PinnedTask, Rollout, RolloutView
from pipit.registry.types import Environment, GateResult
from pipit.rpc.client import call_errors
from pipit.rpc.mirror import from_proto, to_proto
from pipit.rpc.service_client import ServiceClient


@dataclass(frozen=True, slots=True)
class Started:
    """rollout: None: the environment was moved at once, and `moved_at_once` says why."""

    rollout: Rollout | None
    moved_at_once: str
    environment: Environment
    gates: tuple[GateResult, ...]


class FleetClient(ServiceClient):
    """See `ServiceClient`."""

    stub = fleet_pb2_grpc.FleetServiceStub

    def report(self, report: DeviceReport, timeout: float | None = None) -> float:
        """Gives the seconds until the next report is due. Raises PermissionDenied for another device's name."""
        message = to_proto(report, pb.ReportRequest)
        with call_errors(self._name):
            return float(self._stub.Report(message, timeout=timeout or self._timeout).next_seconds)

    def list_devices(self, environment: str = "", task: str = "") -> tuple[Device, ...]:
        """By id. environment, task: empty for all."""
        response = self._call(self._stub.ListDevices, pb.ListDevicesRequest(environment=environment, task=task))
        return tuple(from_proto(device, Device) for device in response.devices)

    def add_device(self, device_id: str, tasks: Sequence[str] = ()) -> tuple[str, bool]:
        """Makes a token of the device's own; gives it, and whether it takes the place of another."""
        response = self._call(self._stub.AddDevice, pb.AddDeviceRequest(device_id=device_id, tasks=tasks))
        return response.token, response.replaced

    def remove_device(self, device_id: str) -> None:
        """Its token counts no more, and it is forgotten. Raises NotFound."""
        self._call(self._stub.RemoveDevice, pb.RemoveDeviceRequest(device_id=device_id))

    def pin(self, device_id: str, task: str, version: str, reason: str = "") -> PinnedTask:
        """Raises NotFound for a device or version that is not known."""
        request = pb.PinRequest(device_id=device_id, task=task, version=version, reason=reason)
        return from_proto(self._call(self._stub.Pin, request).pin, PinnedTask)

    def unpin(self, device_id: str, task: str) -> None:
        """Raises NotFound for a device that is not pinned."""
        self._call(self._stub.Unpin, pb.UnpinRequest(device_id=device_id, task=task))

    def start_rollout(
        self,
        task: str,
        version: str,
        environment: str,
        *,
        reason: str = "",
        override_gates: bool = False,
        profile: str = "",
        first: Sequence[str] = (),
        when_silent: str = "",
        supersede: bool = False,
        shadow: bool = False,
        expected_revision: int | None = None,
    ) -> Started:
        """Leads an environment to a version. Raises what `RegistryClient.promote` raises.

        Raises InvalidState where a rollout is open already, unless `supersede`.
        """
        request = pb.StartRolloutRequest(
            task=task,
            version=version,
            environment=environment,
            reason=reason,
            override_gates=override_gates,
            profile=profile,
            first=first,
            when_silent=when_silent,
            supersede=supersede,
            shadow=shadow,
            expected_revision=expected_revision,
        )
        response = self._call(self._stub.StartRollout, request)
        return Started(
            from_proto(response.rollout, Rollout) if response.HasField("rollout") else None,
            response.moved_at_once,
            Environment(task, environment, response.version, response.digest, response.revision),
            tuple(from_proto(gate, GateResult) for gate in response.gates),
        )

    def get_rollout(self, task: str, environment: str, identity: str = "") -> RolloutView:
        """The one that is open, or the last one. Raises NotFound."""
        request = pb.GetRolloutRequest(task=task, environment=environment, id=identity)
        return from_proto(self._call(self._stub.GetRollout, request), RolloutView)

    def list_rollouts(self, task: str = "", environment: str = "", *, only_open: bool = False) -> tuple[Rollout, ...]:
        """Newest first."""
        request = pb.ListRolloutsRequest(task=task, environment=environment, only_open=only_open)
        response = self._call(self._stub.ListRollouts, request)
        return tuple(from_proto(rollout, Rollout) for rollout in response.rollouts)

    def pause_rollout(self, task: str, environment: str, reason: str = "") -> Rollout:
        """Every device stays where it is. Raises NotFound if none is open."""
        request = pb.PauseRolloutRequest(task=task, environment=environment, reason=reason)
        return from_proto(self._call(self._stub.PauseRollout, request).rollout, Rollout)

    def resume_rollout(self, task: str, environment: str, reason: str = "", *, advance: bool = False) -> Rollout:
        """advance: on to the next stage now, whatever the rules wait for. Raises NotFound if none is open."""
        request = pb.ResumeRolloutRequest(task=task, environment=environment, reason=reason, advance=advance)
        return from_proto(self._call(self._stub.ResumeRollout, request).rollout, Rollout)

    def abort_rollout(self, task: str, environment: str, reason: str = "") -> Rollout:
        """Every device goes back to the version before. Raises NotFound if none is open."""
        request = pb.AbortRolloutRequest(task=task, environment=environment, reason=reason)
        return from_proto(self._call(self._stub.AbortRollout, request).rollout, Rollout)
