"""How a rollout is shown to people: its devices by stage, one line of evidence a rule, and what it waits for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipit.cli.durations import duration
from pipit.fleet.types import ArmComparison, Evidence, Lane, Rollout, RolloutState, RolloutView, Stage
from pipit.printable import printable

NAMED = 6
"""Devices of a lane that are named one by one; of more, how many there are of each kind, and which are in trouble."""
_BAR = 16
_LANES = {
    "serving": "green",
    "swapping": "yellow",
    "prefetched": "cyan",
    "prefetching": "cyan",
    "waiting": "dim",
    "refused": "bold red",
    "returned": "magenta",
    "offline": "red",
    "pinned": "blue",
}
"""In the order in which they are counted."""
_TROUBLE = frozenset(("refused", "returned", "offline"))
_STATES = {
    RolloutState.PREFETCHING: "cyan",
    RolloutState.RUNNING: "bold",
    RolloutState.PAUSED: "bold yellow",
    RolloutState.SUCCEEDED: "bold green",
    RolloutState.ABORTED: "bold red",
    RolloutState.SUPERSEDED: "bold magenta",
}


def stage_name(stage: Stage) -> str:
    """How far it goes."""
    if stage.devices:
        return f"{stage.devices} device{'s' if stage.devices > 1 else ''}"
    return "all" if stage.share >= 1 else f"{100 * stage.share:g} %"


def plan(rollout: Rollout) -> str:
    """Its stages in words."""
    parts = []
    for stage in rollout.stages:
        baked = f" for {duration(stage.bake_seconds)}" if stage.bake_seconds else ""
        parts.append(f"{stage_name(stage)}{' until you say so' if stage.holds else baked}")
    return ", then ".join(parts)


def position(rollout: Rollout) -> str:
    """State and stage."""
    if _on_devices(rollout):
        return f"{rollout.state.value}, stage {rollout.stage + 1} of {len(rollout.stages)}"
    return rollout.state.value


def _on_devices(rollout: Rollout) -> bool:
    """Whether a stage runs: one that was paused while devices still fetched the version has none."""
    paused = rollout.state is RolloutState.PAUSED and bool(rollout.canaries)
    return paused or rollout.state is RolloutState.RUNNING


def lanes_by_stage(view: RolloutView) -> list[tuple[str, str, tuple[Lane, ...]]]:
    """One row a stage: "done", "now" or nothing, its name, and the devices that it adds. Last, those of no stage."""
    rollout = view.rollout
    devices, current = len(rollout.order), len(rollout.canaries)
    running = _on_devices(rollout)
    place_of = {device: place for place, device in enumerate(rollout.order)}
    rows: list[tuple[str, str, tuple[Lane, ...]]] = []
    begin = 0
    for number, stage in enumerate(rollout.stages):
        # As the registry has it: a share is never exceeded, but one device is always reached.
        end = min(devices, max(begin, 1, stage.devices or math.floor(stage.share * devices + 1e-9)))
        if running and number == rollout.stage:
            end = max(begin, current)
        done = rollout.state is RolloutState.SUCCEEDED or (running and number < rollout.stage)
        now = "now" if running and number == rollout.stage else ""
        inside = [
            lane for lane in view.lanes if lane.lane != "pinned" and begin <= place_of.get(lane.device_id, -1) < end
        ]
        rows.append(("done" if done else now, stage_name(stage), tuple(inside)))
        begin = end
    pinned = tuple(lane for lane in view.lanes if lane.lane == "pinned")
    others = tuple(lane for lane in view.lanes if lane.lane != "pinned" and lane.device_id not in place_of)
    rows += [("", name, lanes) for name, lanes in (("pinned", pinned), ("came later", others)) if lanes]
    return rows


def table_of(view: RolloutView, now: datetime, *, brief: bool = False) -> RenderableType:
    """All of it but how it ended. brief: a line a rule, for a terminal that is drawn over again."""
    parts: list[RenderableType] = [_head(view.rollout, now), _stages(view)]
    if view.evidence:
        parts.append(evidence_table(view.evidence, brief=brief))
    if view.comparisons:
        parts.append(comparison_table(view))
    if view.explanation and view.rollout.is_open:
        parts += [Text(printable(view.explanation)), Text()]
    return Group(*parts)


def line_of(view: RolloutView) -> str:
    """All of it in one line, without markup."""
    counts = ", ".join(f"{count} {lane}" for lane, count in _counted(view.lanes).items())
    said = " ".join(view.explanation.split())
    return printable(": ".join(part for part in (position(view.rollout), counts, said) if part), lines=False)


def what_matters(view: RolloutView) -> tuple[object, ...]:
    """Changes when there is something to tell; numbers that only grow are no news."""
    rollout = view.rollout
    fired = tuple(one.rule for one in view.evidence if one.fires)
    lanes = tuple((lane.device_id, lane.lane) for lane in view.lanes)
    return rollout.state, rollout.stage, rollout.revision, fired, lanes


def _head(rollout: Rollout, now: datetime) -> Text:
    since = rollout.stage_since if rollout.is_open else rollout.started_at
    seconds = ((now if rollout.is_open else rollout.ended_at or now) - since).total_seconds()
    took = f" {'for' if rollout.is_open else 'after'} {duration(max(0.0, seconds))}"
    head = Text.assemble(
        (printable(rollout.task), "bold"),
        f"  {printable(rollout.environment)}  {rollout.from_version or 'nothing'} to {rollout.to_version}   ",
        (position(rollout), _STATES.get(rollout.state, "")),
        took,
        f"\n{rollout.profile}, by {printable(rollout.by) or 'nobody known'}",
    )
    if rollout.reason:
        head.append(f": {printable(rollout.reason, lines=False)}")
    return head.append(f"   {rollout.id}", style="dim")


def _stages(view: RolloutView) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "stage", "", "devices"):
        table.add_column(name, overflow="fold")
    prefetching = view.rollout.is_open and not _on_devices(view.rollout)
    wanted = {"prefetched"} if prefetching else {"serving"}
    for mark, name, lanes in lanes_by_stage(view):
        there = sum(lane.lane in wanted for lane in lanes)
        colour = "cyan" if prefetching else "green"
        bar = _bar(there, len(lanes), colour) if lanes and name not in ("pinned", "came later") else ""
        table.add_row(mark, name, bar, _devices(lanes) if lanes else Text("no more devices", style="dim"))
    return table


def _devices(lanes: Sequence[Lane]) -> Text:
    if len(lanes) <= NAMED:
        return Text(", ").join([_named(lane) for lane in lanes])
    counts = _counted(lanes)
    said = [Text(f"{count} {lane}", style=_LANES.get(lane, "")) for lane, count in counts.items()]
    troubled = [lane for lane in lanes if lane.lane in _TROUBLE or lane.failed]
    said += [_named(lane) for lane in troubled[:NAMED]]
    if len(troubled) > NAMED:
        said.append(Text(f"and {len(troubled) - NAMED} more in trouble"))
    return Text(", ").join(said)


def _named(lane: Lane) -> Text:
    text = Text.assemble(printable(lane.device_id), " ", (lane.lane, _LANES.get(lane.lane, "")))
    if lane.answered or lane.failed:
        text.append(f" ({lane.answered} answered" + (f", {lane.failed} failed)" if lane.failed else ")"))
    if lane.reason:
        text.append(f": {printable(lane.reason, lines=False)}")
    return text


def _counted(lanes: Sequence[Lane]) -> dict[str, int]:
    counts = Counter(lane.lane for lane in lanes)
    known = [lane for lane in _LANES if counts[lane]]
    return {lane: counts[lane] for lane in (*known, *sorted(set(counts) - set(_LANES)))}


def evidence_table(evidence: Sequence[Evidence], *, brief: bool = False) -> Table:
    """One row a rule: how far it is from its limit. brief: sentences that are too long are cut."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=brief)
    for name in ("rule", "", "of its limit", "then"):
        table.add_column(name, no_wrap=True)
    table.add_column(
        "what it sees", overflow="ellipsis" if brief else "fold", no_wrap=brief, ratio=1 if brief else None
    )
    for one in evidence:
        share = one.value / one.limit if one.limit > 0 else float(one.fires)
        colour = "red" if one.fires else "yellow" if share >= 0.5 else "green"
        then = "stop" if one.then == "abort" else one.then
        then_shown = Text(f"{then}!" if one.fires else then, style="bold red" if one.fires else "dim")
        said = Text(printable(one.sentence, lines=False))
        table.add_row(
            printable(one.rule), _bar(share, 1.0, colour), f"{one.value:.3g} of {one.limit:.3g}", then_shown, said
        )
    return table


def comparison_table(view: RolloutView) -> Table:
    """Both arms, measure by measure, and which one is better."""
    old, new = view.rollout.from_version, view.rollout.to_version
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("measure", old, new, "difference", "95 % interval"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    table.add_column("which is better", overflow="fold")
    for one in view.comparisons:
        show = _seconds if one.measure == "latency" else _percent
        table.add_row(
            escape(printable(one.measure)),
            f"{show(one.from_value)} (n {one.from_samples})",
            f"{show(one.to_value)} (n {one.to_samples})",
            show(one.difference, sign=True),
            f"{show(one.low, sign=True)} to {show(one.high, sign=True)}",
            _better(one, old, new),
        )
    return table


def _better(one: ArmComparison, old: str, new: str) -> str:
    if one.better:
        return f"[green]{new if one.better == 'to' else old}[/green]"
    more = f"; about {duration(one.more_seconds)} more at this rate" if one.more_seconds > 0 else ""
    return f"nobody can tell yet{more}"


def _percent(value: float, sign: bool = False) -> str:
    return f"{100 * value:{'+' if sign else ''}.2f} %"


def _seconds(value: float, sign: bool = False) -> str:
    return f"{1000 * value:{'+' if sign else ''}.1f} ms"


def _bar(value: float, limit: float, colour: str) -> ProgressBar:
    full = limit > 0 and not value < limit
    share = 1.0 if full else max(0.0, value / limit) if limit > 0 else 0.0
    return ProgressBar(total=1.0, completed=share, width=_BAR, complete_style=colour, finished_style=colour)
