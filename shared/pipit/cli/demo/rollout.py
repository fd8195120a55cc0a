"""The demo's last act, with --rollout: a bad version goes to one device, is found out, and goes back by itself.

three servers -> clips are asked, and judged -> the bad version is promoted -> a rule fires -> all are back
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pipit.bundle import Bundle
from pipit.cli.demo.callers import Callers
from pipit.cli.demo.clips import Clip
from pipit.cli.demo.mislabelled import mislabelled
from pipit.cli.demo.result import RolloutResult
from pipit.cli.rollout_follow import follow
from pipit.cli.rollout_view import plan
from pipit.cli.settings import CliSettings
from pipit.cli.signing import publish_signed
from pipit.errors import PipitError, Unavailable
from pipit.fleet import FleetClient, RolloutState, RolloutView
from pipit.registry import RegistryClient

DEVICES = ("pi-hall", "pi-kitchen", "pi-attic")
"""The ids of the demo's servers; the first one is that of the demo without a rollout, too."""
_LONGEST_SECONDS = 110.0
_USUAL_ANSWERS = 40
"""Of each device, before the rollout: what people say of the version that is to be replaced."""


def run_rollout(
    registry: str,
    addresses: Mapping[str, str],
    bundle: Bundle,
    clips: Sequence[Clip],
    environment: str,
    state: Path,
    say: Callable[[str], None],
    show: Callable[[Iterator[RolloutView]], RolloutView],
) -> RolloutResult:
    """Promotes a version whose labels are mixed up, and waits until it has been stopped and is gone.

    addresses: of the servers, by device. state: the demo's folder. say: a line for people. show: takes what can be
    seen of the rollout, until it has ended, and gives the last. Raises Unavailable if nothing stops it. However this
    ends, no rollout is left open.
    """
    bad = mislabelled(bundle, state / "mislabelled")
    task, version = bundle.manifest.task, str(bad.manifest.version)
    with RegistryClient(registry) as client:
        publish_signed(client, bad.path, CliSettings(signing_key=state / "signing.pem"))
    say(f"rollout: {', '.join(addresses)} are asked all the time, and people say whether they are right")
    with Callers(addresses, task, bundle, clips) as callers, FleetClient(registry) as fleet:
        callers.wait_for(_USUAL_ANSWERS, _LONGEST_SECONDS)
        started = fleet.start_rollout(
            task, version, environment, reason="its labels are mixed up", override_gates=True, supersede=True
        ).rollout
        if started is None:
            raise Unavailable(f"{environment} was moved to {version} at once, so that nothing could stop it")
        say(f"rollout: {version}, whose labels are mixed up, goes over the devices: {plan(started)}")
        try:
            ended = show(follow(fleet, task, environment, started.id, timeout=_LONGEST_SECONDS)).rollout
        except BaseException:
            with suppress(PipitError):
                fleet.abort_rollout(task, environment, "the demo ended")
            raise
    if ended.state is not RolloutState.ABORTED or ended.verdict is None or ended.ended_at is None:
        raise Unavailable(
            f"{version} was not stopped: the rollout has {ended.state.value}; see the log of the registry"
        )
    last = callers.last_answer_of(version)
    return RolloutResult(
        version=version,
        rule=ended.verdict.rule,
        sentence=ended.verdict.sentence,
        seconds=round((ended.ended_at - ended.started_at).total_seconds(), 1),
        seconds_back=0.0 if last is None else round(max(0.0, last - ended.ended_at.timestamp()), 1),
        reached=callers.of_version(version),
        asked=callers.asked,
        failed=sum(callers.failed.values()),
    )
