"""`pipit rollout`: following, explaining and stopping, against a service that says what a test lays down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit.cli.exit_codes import ExitCode
from pipit.cli.rollout_follow import PATIENCE, RETURN_SECONDS, follow, show
from pipit.cli.rollout_view import lanes_by_stage, plan, table_of, what_matters
from pipit.errors import DeadlineExceeded, NotFound, RolloutOpen, Unavailable
from pipit.fleet import (
    ArmComparison,
    Evidence,
    FleetClient,
    Lane,
    Rollout,
    RolloutState,
    RolloutView,
    Stage,
    Verdict,
)
from pipit.rpc.mirror import to_proto
from rich.console import Console
from rich.text import Text

TASK = "test.loudness"
BEGAN = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
ORDER = ("pi-7", "pi-2", "pi-4", "pi-1", "pi-9")
FAST = (Stage(devices=1, bake_seconds=15), Stage(share=0.4, bake_seconds=10), Stage(share=1.0))
ERRORS = Evidence("errors", 2.5, 100.0, False, "abort", "0 of 64 failed on pi-7, 0 of 240 elsewhere")


def rollout(state: RolloutState = RolloutState.RUNNING, stage: int = 0, **changes: Any) -> Rollout:
    reached = {0: 1, 1: 2, 2: 5}[stage] if state is RolloutState.RUNNING else 0
    whole: dict[str, Any] = {
        "id": "r-0123456789ab",
        "task": TASK,
        "environment": "production",
        "from_version": "1.0.0",
        "to_version": "1.1.0",
        "state": state,
        "stage": stage,
        "stages": FAST,
        "started_at": BEGAN,
        "stage_since": BEGAN + timedelta(seconds=20),
        "by": "anna",
        "reason": "hears more",
        "profile": "fast",
        "rules": "default/1",
        "when_silent": "pause",
        "shadow": False,
        "order": ORDER,
        "canaries": ORDER[:reached],
        "verdict": None,
        "ended_at": None,
        "revision": 7 + stage,
    }
    return Rollout(**{**whole, **changes})


def ended(kind: RolloutState, rule: str, sentence: str) -> Rollout:
    at = BEGAN + timedelta(seconds=50)
    return rollout(kind, verdict=Verdict(kind.value, rule, sentence, at), ended_at=at)


def lanes(*new: str, lane: str = "serving", rest: str = "prefetched") -> tuple[Lane, ...]:
    return tuple(
        Lane(device, lane, "1.1.0", answered=64) if device in new else Lane(device, rest, "1.0.0") for device in ORDER
    )


def view(of: Rollout, of_lanes: Sequence[Lane], *evidence: Evidence, explanation: str = "") -> RolloutView:
    return RolloutView(of, evidence or (ERRORS,), tuple(of_lanes), explanation)


PREFETCHING = view(rollout(RolloutState.PREFETCHING), lanes(rest="prefetching"), explanation="5 devices fetch it.")
FIRST = view(rollout(), lanes("pi-7"), explanation="It is watched for 9 s more.")
SECOND = view(rollout(stage=1), lanes("pi-7", "pi-2"))
GOOD = view(
    ended(RolloutState.SUCCEEDED, "", "5 of 5 devices serve it, 50 s after it began"), lanes(*ORDER, rest="serving")
)
FIRED = replace(ERRORS, value=131.0, fires=True, sentence="12 of 40 failed on pi-7", devices=("pi-7",))
STOPPED = ended(RolloutState.ABORTED, "errors", "12 of 40 failed on pi-7")
BACK = view(STOPPED, lanes("pi-7", lane="returned"), FIRED)


def drawn(of: RolloutView, width: int = 140) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(table_of(of, BEGAN + timedelta(seconds=32)))
    return captured.get()


def test_watch_tells_each_change_once_and_ends_with_the_rollout(pipit: Any, fleet: Any) -> None:
    counted = replace(FIRST, evidence=(replace(ERRORS, value=3.0),))
    fleet.views = [PREFETCHING, PREFETCHING, FIRST, counted, SECOND, GOOD]
    called = pipit("rollout", "watch", TASK)
    assert called.code == 0
    lines = [line.partition(" ")[2] for line in called.out.splitlines()[:-1]]
    assert lines == [
        "prefetching: 5 prefetching: 5 devices fetch it.",
        "running, stage 1 of 3: 1 serving, 4 prefetched: It is watched for 9 s more.",
        "running, stage 2 of 3: 2 serving, 3 prefetched",
        "succeeded: 5 serving",
    ]
    assert called.out.splitlines()[-1] == (
        f"production of {TASK} points to 1.1.0: 5 of 5 devices serve it, 50 s after it began"
    )
    # From the second question on by its id: another one may begin meanwhile.
    assert [request.id for request in fleet.asked] == ["", *["r-0123456789ab"] * 5]


def test_watch_waits_until_devices_are_back_and_ends_with_a_code_of_its_own(pipit: Any, fleet: Any) -> None:
    fleet.views = [FIRST, view(STOPPED, lanes("pi-7"), FIRED), BACK]
    called = pipit("rollout", "watch", TASK)
    assert called.code == ExitCode.ROLLOUT_STOPPED
    *_, on_its_way, back, last = called.out.splitlines()
    assert on_its_way.endswith("aborted: 1 serving, 4 prefetched")
    assert back.endswith("aborted: 4 prefetched, 1 returned")
    assert last == f"stopped, production of {TASK} stays at 1.0.0: 12 of 40 failed on pi-7"


def test_watch_gives_an_object_a_line(pipit: Any, fleet: Any) -> None:
    endless = replace(FIRST, evidence=(replace(FIRED, value=float("inf")),))
    fleet.views = [endless, BACK]
    called = pipit("rollout", "watch", TASK, "--json")
    first, last = map(json.loads, called.out.splitlines())
    assert (first["rollout"]["state"], first["evidence"][0]["value"]) == ("running", None)
    assert (last["rollout"]["verdict"]["rule"], called.code) == ("errors", ExitCode.ROLLOUT_STOPPED)


def test_one_that_another_replaced_did_not_succeed(pipit: Any, fleet: Any) -> None:
    fleet.views = [view(ended(RolloutState.SUPERSEDED, "operator", "1.2.0 by ben"), lanes())]
    called = pipit("rollout", "watch", TASK, "--id", "r-0123456789ab")
    assert called.code == ExitCode.ROLLOUT_STOPPED
    assert f"another rollout of production of {TASK} took its place: 1.2.0 by ben" in called.out
    assert fleet.asked[0].id == "r-0123456789ab"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += 1.0


@pytest.fixture
def watched(fleet: Any) -> Any:
    """Follows by a clock of its own, which says how long it took."""
    clock = Clock()
    with FleetClient(fleet.address) as client:
        yield (
            clock,
            lambda timeout=0.0: list(
                follow(client, TASK, "production", timeout=timeout, clock=lambda: clock.now, sleep=clock.sleep)
            ),
        )


def test_a_registry_that_starts_again_is_waited_for(fleet: Any, watched: Any) -> None:
    fleet.views = [FIRST, *[Unavailable("gone")] * 20, GOOD]
    clock, views = watched
    assert [each.rollout.state for each in views()] == [
        RolloutState.RUNNING,
        *[RolloutState.RUNNING] * 20,
        RolloutState.SUCCEEDED,
    ]
    assert clock.now == 21


def test_one_that_stays_away_is_not_waited_for_for_ever(fleet: Any, watched: Any) -> None:
    fleet.views = [FIRST, Unavailable("gone")]
    clock, views = watched
    with pytest.raises(Unavailable, match="gone"):
        views()
    assert clock.now == PATIENCE + 1


def test_one_that_is_away_from_the_start_is_an_error_at_once(fleet: Any, watched: Any) -> None:
    fleet.views = [Unavailable("gone")]
    clock, views = watched
    with pytest.raises(Unavailable, match="gone"):
        views()
    assert clock.now == 0


def test_a_timeout_leaves_the_rollout_as_it_is(fleet: Any, watched: Any) -> None:
    fleet.views = [FIRST]
    clock, views = watched
    with pytest.raises(DeadlineExceeded, match=f"goes on without you; pipit rollout watch {TASK} production"):
        views(30.0)
    assert clock.now == 31


def test_a_device_that_does_not_come_back_is_not_waited_for_for_ever(fleet: Any, watched: Any) -> None:
    fleet.views = [view(STOPPED, lanes("pi-7"), FIRED)]
    clock, views = watched
    assert len(views()) == RETURN_SECONDS + 2
    assert clock.now == RETURN_SECONDS + 1


def test_explain_names_the_rule_its_numbers_and_the_devices(pipit: Any, fleet: Any) -> None:
    fleet.views = [BACK]
    called = pipit("rollout", "explain", TASK)
    assert called.code == 0
    assert "131 of 100" in called.out
    assert "errors: pi-7" in called.out.splitlines()
    assert called.out.splitlines()[-1] == f"stopped, production of {TASK} stays at 1.0.0: 12 of 40 failed on pi-7"
    assert pipit("rollout", "explain", TASK, "--json").json()["rollout"]["id"] == "r-0123456789ab"


def test_the_table_shows_devices_by_stage_and_how_far_each_rule_is() -> None:
    lines = [" ".join(line.split()) for line in drawn(SECOND).splitlines()]
    assert lines[0] == f"{TASK} production 1.0.0 to 1.1.0 running, stage 2 of 3 for 12 s"
    assert f"done 1 device {'━' * 16} pi-7 serving (64 answered)" in lines
    assert f"now 40 % {'━' * 16} pi-2 serving (64 answered)" in lines
    assert "all pi-4 prefetched, pi-1 prefetched, pi-9 prefetched" in lines
    assert "errors 2.5 of 100 stop 0 of 64 failed on pi-7, 0 of 240 elsewhere" in lines
    assert f"errors {'━' * 16} 131 of 100 stop! 12 of 40 failed on pi-7" in " ".join(drawn(BACK).split())


def test_what_is_drawn_over_again_has_a_line_a_rule() -> None:
    long = replace(FIRST, evidence=(replace(ERRORS, sentence="so much " * 40),))
    with (console := Console(width=100, color_system=None)).capture() as captured:
        console.print(table_of(long, BEGAN, brief=True))
    assert len(captured.get().splitlines()) == len(drawn(FIRST).splitlines())
    assert captured.get().count("…") == 1
    assert " ".join(drawn(long, 100).split()).count("so much") == 40


def test_a_stage_that_adds_nobody_says_so() -> None:
    few = view(rollout(order=ORDER[:2], canaries=ORDER[:1]), lanes("pi-7")[:2])
    assert [[lane.device_id for lane in inside] for _, _, inside in lanes_by_stage(few)] == [["pi-7"], [], ["pi-2"]]
    assert "40 % no more devices" in " ".join(drawn(few).split())


def test_of_many_devices_it_names_those_in_trouble() -> None:
    order = tuple(f"pi-{number}" for number in range(10_000))
    shown = [Lane(device, "prefetched", "1.0.0") for device in order[:-1]]
    shown.append(Lane(order[-1], "refused", "1.0.0", reason="verify: the disk is \x1b[31mfull"))
    text = drawn(view(rollout(order=order, canaries=order[:1]), shown))
    assert "pi-0 prefetched" in text
    assert "3999 prefetched" in text
    assert "5999 prefetched, 1 refused, pi-9999 refused: verify: the disk is \\x1b[31mfull" in " ".join(text.split())
    assert len(text.splitlines()) < 30


def test_every_device_stands_in_one_row() -> None:
    pinned, late = Lane("pi-3", "pinned", "0.9.0"), Lane("pi-new", "serving", "1.0.0")
    rows = lanes_by_stage(view(rollout(stage=1), (*lanes("pi-7", "pi-2"), pinned, late)))
    assert [(mark, name, [lane.device_id for lane in inside]) for mark, name, inside in rows] == [
        ("done", "1 device", ["pi-7"]),
        ("now", "40 %", ["pi-2"]),
        ("", "all", ["pi-4", "pi-1", "pi-9"]),
        ("", "pinned", ["pi-3"]),
        ("", "came later", ["pi-new"]),
    ]


def test_an_ab_says_who_is_better_or_how_much_longer_it_takes() -> None:
    comparisons = (
        ArmComparison("unknown", 0.30, 0.20, -0.10, -0.14, -0.06, 900, 880, "to", 0.0),
        ArmComparison("latency", 0.010, 0.0108, 0.0008, -0.0002, 0.0018, 900, 880, "", 1500.0),
        ArmComparison("feedback", 0.0, 0.0, 0.0, -1.0, 1.0, 0, 0, "", 0.0),
    )
    text = " ".join(drawn(replace(FIRST, comparisons=comparisons)).split())
    assert "unknown 30.00 % (n 900) 20.00 % (n 880) -10.00 % -14.00 % to -6.00 % 1.1.0" in text
    assert "+0.8 ms -0.2 ms to +1.8 ms nobody can tell yet; about 25 min more at this rate" in text
    assert text.count("nobody can tell yet") == 2


def test_numbers_that_only_grow_are_no_news() -> None:
    assert what_matters(FIRST) == what_matters(replace(FIRST, explanation="8 s more", evidence=(ERRORS, ERRORS)))
    assert what_matters(FIRST) != what_matters(replace(FIRST, evidence=(FIRED,)))
    assert what_matters(FIRST) != what_matters(replace(FIRST, lanes=lanes("pi-7", lane="swapping")))


def test_the_plan_in_words() -> None:
    assert plan(rollout()) == "1 device for 15 s, then 40 % for 10 s, then all"
    assert plan(rollout(stages=(Stage(share=0.5, bake_seconds=60, holds=True),))) == "50 % until you say so"


def test_pauses_resumes_and_stops(pipit: Any, fleet: Any) -> None:
    paused = rollout(verdict=Verdict("paused", "operator", "anna decided so", BEGAN))
    fleet.answers = {
        "PauseRollout": pb.PauseRolloutResponse(rollout=to_proto(paused, pb.Rollout)),
        "ResumeRollout": pb.ResumeRolloutResponse(rollout=to_proto(rollout(stage=1), pb.Rollout)),
        "AbortRollout": pb.AbortRolloutResponse(rollout=to_proto(STOPPED, pb.Rollout)),
    }
    called = pipit("rollout", "pause", TASK, "staging", "--reason", "a look")
    assert "production of test.loudness paused: running, stage 1 of 3" in called.out
    assert f"pipit rollout watch {TASK} production shows it" in called.out
    assert pipit("rollout", "resume", TASK, "--advance", "--json").json()["stage"] == 1
    assert f"stopped, production of {TASK} stays at 1.0.0" in pipit("rollout", "abort", TASK, "--reason", "barks").out
    assert fleet.asked == [
        pb.PauseRolloutRequest(task=TASK, environment="staging", reason="a look"),
        pb.ResumeRolloutRequest(task=TASK, environment="production", advance=True),
        pb.AbortRolloutRequest(task=TASK, environment="production", reason="barks"),
    ]


def test_lists_them(pipit: Any, fleet: Any) -> None:
    fleet.answers["ListRollouts"] = pb.ListRolloutsResponse()
    assert "there was no rollout yet" in pipit("rollout", "list").out
    assert pipit("rollout", "list", TASK, "production", "--open").out == "no rollout is open\n"
    assert fleet.asked[-1] == pb.ListRolloutsRequest(task=TASK, environment="production", only_open=True)
    fleet.answers["ListRollouts"].rollouts.append(to_proto(STOPPED, pb.Rollout))
    row = next(line for line in pipit("rollout", "list").out.splitlines() if "r-0123456789ab" in line)
    assert "1.0.0   1.1.0   aborted" in row
    assert row.split()[-4:] == ["50", "s", "anna", "errors"]
    assert pipit("rollout", "list", "--json").json()[0]["state"] == "aborted"


def test_what_is_not_there_or_not_allowed(pipit: Any, fleet: Any) -> None:
    fleet.views = [NotFound("no rollout of it was ever begun")]
    assert pipit("rollout", "watch", TASK).code == ExitCode.NOT_FOUND
    assert pipit("rollout", "explain", TASK).code == ExitCode.NOT_FOUND
    fleet.answers["ResumeRollout"] = RolloutOpen("another one is open")
    assert pipit("rollout", "resume", TASK).code == ExitCode.CONFLICT


def test_a_terminal_gets_one_table_that_is_drawn_over_again(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    assert show(iter([FIRST, SECOND, BACK])) == BACK
    shown = terminal.getvalue()
    # The cursor is hidden while it is drawn; what stays is the last table.
    assert (shown.startswith("\x1b[?25l"), shown.endswith("\x1b[?25h")) == (True, True)
    last = Text.from_ansi(shown.rpartition("\x1b[1A\x1b[2K")[2]).plain
    assert "131 of 100" in last
    assert "pi-7 returned (64 answered)" in last


def test_who_stops_watching_is_told_that_the_rollout_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> Iterator[RolloutView]:
        yield FIRST
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        show(interrupted())
    assert capsys.readouterr().err == (
        "pipit: the rollout goes on without you; "
        f"pipit rollout watch {TASK} production shows it, pipit rollout abort {TASK} production stops it\n"
    )
