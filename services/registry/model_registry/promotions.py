"""Whether a version may be promoted: its quality gates, who is known today, and what is synthetic."""

from __future__ import annotations

from dataclasses import dataclass

from pipit.bundle.gates import evaluate_gates
from pipit.errors import GatesFailed, InvalidInput
from pipit.galleries import StoredGalleries
from pipit.registry.types import GateResult, Target

from model_registry.embedders import strangers_to
from model_registry.versions import Versions

PRODUCTION = "production"
"""The environment that takes nothing synthetic."""
_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    """A version that may be promoted. overridden: only because somebody said so."""

    target: Target
    gates: tuple[GateResult, ...]
    overridden: bool


class Promotions:
    """Threads may share it."""

    def __init__(self, versions: Versions, galleries: StoredGalleries) -> None:
        self._versions = versions
        self._galleries = galleries

    def check(self, task: str, version: str, name: str, override_gates: bool, reason: str) -> Checked:
        """name: of the environment. Raises NotFound, GatesFailed, InvalidInput for an override without a reason."""
        check_reason(reason)
        document = self._versions.get(task, version)
        manifest = self._versions.manifest(document)[1]
        gates = evaluate_gates(manifest)
        failed = [gate for gate in gates if not gate.passed]
        strangers = strangers_to(manifest, self._galleries)
        synthetic = manifest.lineage.synthetic if name == PRODUCTION else ()
        refused = bool(failed or strangers or synthetic)
        if refused:
            _check_override(document.name, failed, strangers, synthetic, override_gates, reason)
        return Checked(Target(document.version, document.digest), gates, refused)


def check_reason(reason: str) -> str:
    """Gives it back. Raises InvalidInput."""
    if len(reason) > _LONGEST_REASON:
        raise InvalidInput(f"the reason has {len(reason)} characters; at most {_LONGEST_REASON} are kept")
    return reason


def _check_override(
    version: str,
    failed: list[GateResult],
    strangers: tuple[str, ...],
    synthetic: tuple[str, ...],
    override: bool,
    reason: str,
) -> None:
    if not override:
        why = []
        if failed:
            listed = "; ".join(str(gate) for gate in failed)
            why.append(f"{version} fails its quality gates ({listed}); train a better one, or override with a reason")
        if strangers:
            why.append(
                f"{version} would not know everybody: {'; '.join(strangers)}. Run `pipit faces reembed`, or override "
                "with a reason"
            )
        if synthetic:
            why.append(
                f"{version} comes from SYNTHETIC data ({', '.join(synthetic)}), which a program made, so that its "
                f"numbers say nothing about the real world, and {PRODUCTION} takes none of it; train on real data, or "
                "override with a reason"
            )
        raise GatesFailed(". ".join(why))
    if not reason.strip():
        raise InvalidInput("an override of quality gates needs a reason, which the history keeps")
