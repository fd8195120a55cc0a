"""A candidate is tried in a process of its own before this one opens it.

Why: `docs/adr/0007-candidates-are-proven-apart.md`.

steps     what a candidate must get through: load, golden check, warm
prover    who has it done: a child process, or this process where nobody else knows the pipeline
child     the child process, watched: memory, time, the signal that ended it
limits    how much memory there is, and how a process is kept within it
setup     what a proof depends on beside the bundle
trials    what is on the disk while a candidate has yet to show that this process lives with it
"""

from pipit.proving.limits import Limits, MemoryLimit, memory_is_short, memory_limit
from pipit.proving.prover import ChildProver, Prover, prove_here
from pipit.proving.setup import setup_of
from pipit.proving.steps import MEMORY, Overtaken, Proof, ProofRequest, StepFailed, warm
from pipit.proving.trials import Trials

__all__ = [
    "MEMORY",
    "ChildProver",
    "Limits",
    "MemoryLimit",
    "Overtaken",
    "Proof",
    "ProofRequest",
    "Prover",
    "StepFailed",
    "Trials",
    "memory_is_short",
    "memory_limit",
    "prove_here",
    "setup_of",
    "warm",
]
