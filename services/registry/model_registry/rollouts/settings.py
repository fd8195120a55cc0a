"""The numbers of the stop rules, for all tasks and for single ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pipit.errors import InvalidInput
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_registry.rollouts.document import Profile, StageRecord, stages_of

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Ratios = Annotated[tuple[Annotated[float, Field(gt=1.0, allow_inf_nan=False)], ...], Field(min_length=1)]
Limit = Annotated[float, Field(gt=1.0, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=1)]
ALL_TASKS = "*"


class Rules(BaseModel):
    """`default/1`. An e-value of E is reached by a version that is as good as the one before in 1 of E rollouts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,60}/[0-9]{1,6}$")] = "default/1"

    refused_devices: Number = 2
    """Devices that refuse the version and stop it; in the first stage one is enough."""
    refused_share: Share = 0.10
    """And that share of the stage."""
    restart_seconds: Seconds = 60.0
    """A process that begins anew so soon after its swap is taken to have crashed by it."""
    silent_seconds: Seconds = 30.0
    """A device that says nothing for longer after its swap is taken to be lost by it…"""
    others_report: Share = 0.80
    """…if that share of the others goes on to report; else the network is to blame."""

    error_codes: frozenset[str] = frozenset({"INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "DATA_LOSS"})
    """gRPC statuses that count against a version."""
    error_ratios: Ratios = (2.0, 5.0, 20.0)
    """How many times as many errors are looked for."""
    error_limit: Limit = 100.0
    """E-value that stops."""
    burst_seconds: Seconds = 10.0
    """Seconds' worth of requests that may fail on each device for reasons of its own…"""
    burst_likely_seconds: Annotated[float, Field(ge=120.0)] = 600.0
    """…in a stage of this length or longer; in a shorter one less…"""
    burst_from_seconds: Annotated[float, Field(ge=0.0, le=60.0)] = 60.0
    """…and none in one of this length."""
    burst_alone_seconds: Seconds = 15.0
    """The same of one device, in a stage of twice the following length or longer…"""
    burst_alone_from_seconds: Annotated[float, Field(gt=0.0)] = 30.0
    """…less in a shorter one, and none in one of this length…"""
    burst_alone_devices: Annotated[int, Field(ge=2)] = 3
    """…where so many devices or more try the version."""
    assumed_errors: Annotated[float, Field(gt=0.0, lt=0.05)] = 0.02
    """Share of errors that is taken for usual where nothing is known of the version before."""
    enough_to_compare: Number = 20
    """Requests from which on the version before is known."""

    latency_share: Share = 0.05
    """Share of answers over the bundle's budget that is always allowed."""
    latency_margin: Share = 0.02
    """So much more than before is allowed."""
    latency_worse: Annotated[float, Field(gt=0.0, le=0.5)] = 0.10
    """And so much more than that is looked for."""
    latency_alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.01
    """Chance to stop a version that is as quick as is allowed."""
    latency_beta: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    """Chance to let one pass that is as slow as is looked for."""

    hot_seconds: Seconds = 20.0
    """Seconds' worth of answers that may be late on each device, in a stage that is to last `burst_likely_seconds`, and
    none in one of `burst_from_seconds`: a board that is too hot for a minute is no version's fault."""

    scores_predictions: Number = 200
    """Predictions below which the scores are not compared: chance alone moves them too far."""
    scores_seconds: Seconds = 60.0
    """Seconds that a device must have served it before its live scores count, lest it saw one scene only."""
    scores_psi: Annotated[float, Field(gt=0.0)] = 0.25
    """Population stability index that pauses."""
    unknown_ratios: Ratios = (2.0, 5.0, 20.0)
    """How many times as many, or as few, unknown predictions are looked for."""
    unknown_limit: Limit = 100.0
    """E-value that pauses."""
    assumed_clustering: Share = 0.05
    """How alike the predictions of one device are within a minute, where few peers show it: 0, not at all, to 1."""
    unknown_predictions: Number = 100
    """Predictions of the version before from which on unknown ones are compared."""
    feedback_ratios: Ratios = (2.0, 5.0)
    """How many times as many answers that people corrected are looked for."""
    feedback_limit: Limit = 100.0
    """E-value that stops."""

    answers: Number = 30
    """Live or replayed answers that each device must give before the next stage, where the stage is watched at all."""
    reachable_seconds: Seconds = 75.0
    """A device whose last report is older is left behind, and waited for no more."""
    patience: Annotated[float, Field(ge=1.0)] = 3.0
    """Times the bake of a stage after which missing data pauses it…"""
    patience_seconds: Seconds = 60.0
    """…but never sooner than this."""
    prefetch_seconds: Seconds = 120.0
    """How long devices after the first stage's are waited for while they fetch."""
    stages: Mapping[Profile, Annotated[tuple[StageRecord, ...], Field(min_length=1)]] = {}
    """Of a profile, in place of its own: `{"fast": [{"devices": 1, "bake_seconds": 60}, {"share": 1.0}]}`."""
    settle_seconds: Seconds = 1.0
    """The shortest time of a stage, so that what was counted before it does not decide it."""

    def stages_of(self, profile: str) -> tuple[StageRecord, ...]:
        """The stages of a rollout with that profile. Raises InvalidInput."""
        return next((stages for name, stages in self.stages.items() if name == profile), ()) or stages_of(profile)


class RuleBook(BaseModel):
    """Which rules hold for which task."""

    model_config = ConfigDict(frozen=True)

    usual: Rules = Rules()
    of_tasks: Mapping[str, Rules] = {}

    def of(self, task: str) -> Rules:
        """The rules of that task."""
        return self.of_tasks.get(task, self.usual)


def parse_rules(text: str) -> RuleBook:
    """From a setting in JSON: numbers by task, `*` for all tasks; a task's own numbers come on top of those.

    As `{"*": {"answers": 50}, "home_security.sounds": {"name": "sounds/1", "scores_psi": 0.4}}`. Empty: the defaults.
    Raises InvalidInput, which names what is wrong.
    """
    if not text.strip():
        return RuleBook()
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the rules of rollouts are no JSON: {error}") from None
    if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
        raise InvalidInput('the rules of rollouts have to be numbers by task, as {"*": {"answers": 50}}')
    common: dict[str, Any] = given.pop(ALL_TASKS, {})
    usual = _rules(ALL_TASKS, common)
    return RuleBook(usual=usual, of_tasks={task: _rules(task, {**common, **own}) for task, own in given.items()})


def _rules(task: str, numbers: dict[str, Any]) -> Rules:
    try:
        return Rules.model_validate(numbers)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidInput(f"the rules of rollouts for {task} are wrong: {wrong}") from None
