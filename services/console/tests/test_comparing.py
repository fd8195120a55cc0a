from __future__ import annotations

from collections.abc import Callable

import pytest
from pipit.bundle import Manifest
from pipit_console.comparing import compare


def test_of_a_long_list_it_is_said_how_much_differs(make_manifest: Callable[..., Manifest]) -> None:
    many = [f"class_{number:02}" for number in range(12)]
    before = make_manifest("1.0.0", 0.8, labels=tuple(many))
    after = make_manifest("1.1.0", 0.8, labels=(many[1], many[0], *many[2:], "class_99"))
    (fact,) = compare(before, after, ({}, {}), []).facts
    assert (fact.field, fact.entries) == ("labels", "3 of 13 entries differ")
    assert fact.b.startswith("class_01, class_00, class_02, ")


@pytest.mark.parametrize("labels", [("loud", "quiet"), ("quiet", "loud", "louder")])
def test_a_short_list_speaks_for_itself(make_manifest: Callable[..., Manifest], labels: tuple[str, ...]) -> None:
    (fact,) = compare(make_manifest("1.0.0", 0.8), make_manifest("1.1.0", 0.8, labels=labels), ({}, {}), []).facts
    assert (fact.a, fact.b, fact.entries) == ("quiet, loud", ", ".join(labels), "")
