"""The stop rules: each a pure function of what can be seen, which says in a sentence what it found.

    golden, refused, restarted, silent   at once      stop
    errors, feedback                     e-values     stop
    latency                              SPRT         stop
    scores, unknown                      PSI, e-value pause

Evidence is made anew from the latest reports each time. Devices count from the beginning of each stage, so every copy
of the registry finds the same, and none has to keep anything.
"""

from __future__ import annotations

from pipit.fleet.types import Evidence

from model_registry.rollouts.expected import Expected
from model_registry.rollouts.rules.at_once import golden, refused, restarted, silent
from model_registry.rollouts.rules.errors import errors, feedback, unknowns
from model_registry.rollouts.rules.latency import latency
from model_registry.rollouts.rules.scores import scores
from model_registry.rollouts.view import View


def evidence_of(view: View, expected: Expected) -> tuple[Evidence, ...]:
    """What each rule sees, those that stop at once first."""
    return (
        golden(view),
        refused(view),
        restarted(view),
        silent(view),
        errors(view),
        latency(view, expected),
        feedback(view),
        scores(view, expected),
        unknowns(view),
    )
