"""What goes over the wire comes back as it was."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st
from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit.registry import wire
from pipit.registry.types import (
    Assignment,
    Environment,
    GateResult,
    Listing,
    MissingBlob,
    Move,
    PublishPlan,
    Version,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
UNSIGNED = st.integers(0, 2**64 - 1)
NUMBERS = st.floats(allow_nan=False)
TIMES = st.datetimes(timezones=st.just(UTC))
GATES = st.builds(GateResult, TEXTS, TEXTS, TEXTS, NUMBERS, st.none() | NUMBERS, st.booleans())
VERSIONS = st.builds(
    Version, TEXTS, TEXTS, TEXTS, TEXTS, TIMES, TEXTS, st.booleans(), st.lists(GATES, max_size=3).map(tuple), UNSIGNED
)
ENVIRONMENTS = st.builds(Environment, TEXTS, TEXTS, TEXTS, TEXTS, UNSIGNED)


@given(VERSIONS)
def test_a_version(version: Version) -> None:
    message = wire.version_to_proto(version)

    assert wire.version_from_proto(pb.Version.FromString(message.SerializeToString())) == version
    assert message.gates_passed == all(gate.passed for gate in version.gates)


@given(ENVIRONMENTS)
def test_an_environment(environment: Environment) -> None:
    assert wire.environment_from_proto(wire.environment_to_proto(environment)) == environment


@given(st.lists(VERSIONS, max_size=3), st.lists(ENVIRONMENTS, max_size=3))
def test_a_listing(versions: list[Version], environments: list[Environment]) -> None:
    message = pb.ListVersionsResponse(
        versions=map(wire.version_to_proto, versions), environments=map(wire.environment_to_proto, environments)
    )
    assert wire.listing_from_proto(message) == Listing(tuple(versions), tuple(environments))


@given(st.builds(Assignment, TEXTS, TEXTS, TEXTS, TEXTS, UNSIGNED))
def test_an_assignment(assignment: Assignment) -> None:
    assert wire.assignment_from_proto(wire.assignment_to_proto(assignment)) == assignment
    assert bool(assignment) == (assignment.version != "")


@given(
    st.builds(
        Move, TIMES, TEXTS, st.sampled_from(["promote", "rollback"]), TEXTS, TEXTS, TEXTS, st.booleans(), UNSIGNED
    )
)
def test_a_move(move: Move) -> None:
    assert wire.move_from_proto(wire.move_to_proto(move)) == move


@given(st.builds(PublishPlan, st.booleans(), st.lists(st.builds(MissingBlob, TEXTS, UNSIGNED), max_size=3).map(tuple)))
def test_a_plan(plan: PublishPlan) -> None:
    assert wire.plan_from_proto(wire.plan_to_proto(plan)) == plan


def test_a_gate_reads_as_a_sentence() -> None:
    failed = GateResult("quiet", "false_positive_rate", "<", 0.05, 0.0712, passed=False)
    missing = GateResult("small", "size_mib", "<=", 5, None, passed=False)

    assert str(failed) == "quiet: false_positive_rate is 0.0712, must be < 0.05"
    assert str(missing) == "small: size_mib is not measured, must be <= 5"
