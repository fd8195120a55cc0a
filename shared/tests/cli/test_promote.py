"""`pipit promote` as a rollout, against a service that says what a test lays down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit.cli.exit_codes import ExitCode
from pipit.errors import RolloutOpen
from pipit.fleet import Rollout, RolloutState, RolloutView, Stage, Verdict
from pipit.rpc.mirror import to_proto

TASK = "test.loudness"
BEGAN = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
GATE = pb.Gate(name="good enough", metric="accuracy", comparison=">", limit=0.7, value=0.9, passed=True)


def rollout(state: RolloutState = RolloutState.PREFETCHING, verdict: Verdict | None = None) -> Rollout:
    stages = (Stage(devices=1, bake_seconds=15), Stage(share=1.0))
    return Rollout(
        *("r-0123456789ab", TASK, "production", "1.0.0", "1.1.0", state, 0, stages, BEGAN, BEGAN),
        *("anna", "", "fast", "default/1", "pause", False, ("pi-7", "pi-2"), (), verdict, None, 7),
    )


@pytest.fixture
def begun(fleet: Any) -> Any:
    fleet.answers["StartRollout"] = pb.StartRolloutResponse(
        rollout=to_proto(rollout(), pb.Rollout), version="1.0.0", digest="ab" * 32, revision=7, gates=[GATE]
    )
    return fleet


def test_says_what_began_and_how_to_follow_and_stop_it(pipit: Any, begun: Any) -> None:
    called = pipit("promote", TASK, "1.1.0")
    assert called.code == 0
    assert called.out.splitlines()[-2:] == [
        f"production of {TASK} is on its way from 1.0.0 to 1.1.0, over 2 devices: 1 device for 15 s, then all",
        f"pipit rollout watch {TASK} production shows it, pipit rollout abort {TASK} production stops it",
    ]
    assert begun.asked == [pb.StartRolloutRequest(task=TASK, version="1.1.0", environment="production")]
    as_json = pipit("promote", TASK, "1.1.0", "--json").json()
    assert (as_json["promoted"], as_json["rollout"]["id"]) == (False, "r-0123456789ab")
    assert as_json["environment"]["version"] == "1.0.0"


def test_every_option_reaches_the_registry(pipit: Any, begun: Any) -> None:
    options = ("--profile", "careful", "--first", "pi-7", "--first", "pi-2", "--when-silent", "abort", "--shadow")
    rest = ("--supersede", "--reason", "why", "--override-gates", "--expected-revision", "6")
    for command in (("promote",), ("rollout", "start")):
        assert pipit(*command, TASK, "1.1.0", "staging", *options, *rest).code == 0
        assert begun.asked.pop() == pb.StartRolloutRequest(
            task=TASK,
            version="1.1.0",
            environment="staging",
            reason="why",
            override_gates=True,
            profile="careful",
            first=["pi-7", "pi-2"],
            when_silent="abort",
            supersede=True,
            shadow=True,
            expected_revision=6,
        )


def test_says_that_and_why_it_moved_at_once(pipit: Any, fleet: Any) -> None:
    fleet.answers["StartRollout"] = pb.StartRolloutResponse(
        moved_at_once="No device was seen.", version="1.1.0", digest="ab" * 32, revision=8
    )
    called = pipit("promote", TASK, "1.1.0", "--wait")
    assert called.code == 0
    assert called.out == f"production of {TASK} points to 1.1.0. No device was seen.\n"
    as_json = pipit("promote", TASK, "1.1.0", "--json").json()
    assert (as_json["promoted"], as_json["rollout"], as_json["environment"]["revision"]) == (True, None, 8)


def test_waits_for_the_end(pipit: Any, begun: Any) -> None:
    stopped = rollout(RolloutState.ABORTED, Verdict("aborted", "errors", "12 of 40 failed", BEGAN))
    begun.views = [RolloutView(rollout(), (), (), ""), RolloutView(stopped, (), (), "")]
    called = pipit("promote", TASK, "1.1.0", "--wait")
    assert called.code == ExitCode.ROLLOUT_STOPPED
    assert called.out.splitlines()[-1] == f"stopped, production of {TASK} stays at 1.0.0: 12 of 40 failed"
    assert {request.id for request in begun.asked[1:]} == {"r-0123456789ab"}
    begun.views = [RolloutView(rollout(RolloutState.SUCCEEDED), (), (), "")]
    called = pipit("promote", TASK, "1.1.0", "--wait", "--json")
    started, last = map(json.loads, called.out.splitlines())
    assert (called.code, started["promoted"], last["rollout"]["state"]) == (0, False, "succeeded")


def test_one_that_is_under_way_is_a_conflict(pipit: Any, fleet: Any) -> None:
    fleet.answers["StartRollout"] = RolloutOpen("r-1 is under way")
    called = pipit("promote", TASK, "1.1.0")
    assert (called.code, called.err) == (ExitCode.CONFLICT, "pipit: r-1 is under way\n")


@pytest.mark.parametrize("option", ["--wait", "--shadow", "--supersede", "--first=pi-7", "--profile=fast"])
def test_after_a_restore_there_is_no_rollout(pipit: Any, fleet: Any, option: str) -> None:
    called = pipit("promote", TASK, "1.1.0", "--newer-than", "7", option)
    assert called.code == ExitCode.BAD_INPUT
    assert fleet.asked == []
