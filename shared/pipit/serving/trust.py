"""Whether what answers was signed by somebody who is trusted now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.serving.model import LoadedModel

_log = get_logger(__name__)

Change = Literal["", "lost", "regained"]


class TrustAlarm:
    """Raised while a task answers with what nobody trusted signed."""

    def __init__(self, task: str, trusts: Callable[[LoadedModel], bool], metrics: Metrics, *, stops: bool) -> None:
        """stops: such a version ceases to answer, which is said in the log."""
        self._task = task
        self._trusts = trusts
        self._gauge = metrics.gauge("pipit_model_untrusted").labels(task)
        self._gauge.set(0)
        self._stops = stops
        self._raised = False

    def is_due(self, model: LoadedModel | None) -> bool:
        """Whether trust in what answers has come or gone."""
        return model is not None and self._trusts(model) is self._raised

    def judge(self, model: LoadedModel | None) -> Change:
        """Raises or ends the alarm. model: that answers now."""
        untrusted = model is not None and not self._trusts(model)
        if untrusted is self._raised:
            return ""
        self._raised = untrusted
        self._gauge.set(untrusted)
        if model is None:
            return ""
        if not untrusted:
            return "regained"
        _log.error(
            "model_untrusted",
            task=self._task,
            version=model.identity.version,
            signed_by=model.signed_by,
            stops=self._stops,
        )
        return "lost"
