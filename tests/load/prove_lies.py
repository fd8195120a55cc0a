"""Devices with tokens of their own, one of which speaks for another, and does what devices may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from pipit.errors import PermissionDenied, PipitError, Unauthenticated
from pipit.fleet import FleetClient
from pipit.fleet.types import DeviceReport, State, TaskReport
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token
from prove_bundles import FAULTS, TASK
from prove_lead import Outcome, lead
from prove_options import FIRST, Options, Rows, begin, publish
from prove_processes import ENVIRONMENT

OPERATOR = "prove-operator"
_WAIT_SECONDS = 30.0


def lies(options: Options) -> Rows:
    """What a device with a token of its own may not say is refused, and moves nothing."""
    tokens = options.folder / "tokens.json"
    caller = {"name": "anna", "roles": ["operator", "publisher"], "sha256": hash_token(OPERATOR)}
    tokens.write_text(json.dumps({"callers": [caller]}))
    with options.fleet({"PIPIT_REGISTRY_TOKENS": str(tokens)}, token=OPERATOR) as fleet:
        own = {device.name: fleet.rollouts.add_device(device.name)[0] for device in fleet.devices}
        for device in fleet.devices:
            device.environment["PIPIT_TOKEN"] = own[device.name]
        begin(fleet)
        liar, honest = fleet.devices[0].name, fleet.devices[1].name
        with FleetClient(fleet.address, own[liar]) as lying, RegistryClient(fleet.address, own[liar]) as asking:
            # It would stop any rollout: the other device says that it refused the version.
            said = TaskReport(
                TASK, "2.0.0", 9, FIRST, state=State.SERVING, candidate_version="2.0.0", candidate_state=State.REFUSED,
                candidate_failed_step="golden", candidate_reason="a lie",
            )  # fmt: skip
            lie = DeviceReport(honest, "a-boot", 1 << 40, ENVIRONMENT, tasks=(said,))
            tried: dict[str, tuple[Callable[[], object], type[PipitError]]] = {
                "a report as another device": (lambda: lying.report(lie), PermissionDenied),
                "a watch as another device": (
                    lambda: next(iter(asking.watch([TASK], ENVIRONMENT, honest))),
                    PermissionDenied,
                ),
                "a rollout": (lambda: lying.start_rollout(TASK, FIRST, ENVIRONMENT), PermissionDenied),
                "a promotion": (lambda: asking.promote(TASK, FIRST, ENVIRONMENT, "a lie"), PermissionDenied),
                "an abort": (lambda: lying.abort_rollout(TASK, ENVIRONMENT), PermissionDenied),
                "a pin": (lambda: lying.pin(liar, TASK, FIRST), PermissionDenied),
                "a token for another device": (lambda: lying.add_device(honest), PermissionDenied),
            }
            for run, (what, (call, expected)) in enumerate(tried.items(), start=1):
                answer = _told(call)
                assert answer == expected.__name__, f"{what}: {answer}"
                yield Outcome(answer, 0.0).row(f"a device's token tries {what}", run, options.devices)
            outcome = lead(fleet, publish(fleet, "2.0.0"), look=lambda _: _told(lambda: lying.report(lie)) == "")
            assert (outcome.ended, outcome.failed) == ("all serve", 0), outcome
            yield outcome.row("good, while a device lies about another", 1, options.devices)
            fleet.rollouts.remove_device(liar)
            mine = replace(lie, device_id=liar)
            revoked = lambda: _told(lambda: lying.report(mine)) == Unauthenticated.__name__  # noqa: E731
            seconds = fleet.wait_until(revoked, _WAIT_SECONDS, "a token that was taken back still counts")
            yield Outcome(Unauthenticated.__name__, seconds).row("its token is taken back", 1, options.devices)
            outcome = lead(fleet, publish(fleet, "3.0.0", FAULTS["raises on 100 %"]), first=[honest])
            assert outcome.ended == "aborted", outcome
            yield outcome.row("raises on 100 %, devices with tokens of their own", 1, options.devices)


def _told(call: Callable[[], object]) -> str:
    """The error's name; empty: none."""
    try:
        call()
    except PipitError as error:
        return type(error).__name__
    return ""
