from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pipit import plain_yaml
from pipit.errors import InvalidInput
from pipit.plain_yaml import DEEPEST, dump_plain_yaml, load_plain_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "no",
        "on",
        "~",
        "",
        "1e5",
        "089",
        "0o17",
        "0x1F",
        "1:30",
        "<<",
        "=",
        "2026-11-21",
        ".nan",
        "- a",
        "a: b",
        "#",
        "1_000",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)


@pytest.fixture(params=["SafeLoader", "CSafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers: the one in C, and the one in Python where a wheel lacks it."""
    if not hasattr(yaml, request.param):
        pytest.skip("this PyYAML was built without libyaml")
    monkeypatch.setattr(plain_yaml, "_LOADER", getattr(yaml, request.param))


def types_of(value: object) -> object:
    """Equality that tells 1 from 1.0 and True."""
    match value:
        case dict():
            return {key: types_of(inner) for key, inner in value.items()}
        case list():
            return [types_of(inner) for inner in value]
    return type(value), value


@given(DOCUMENTS)
def test_what_is_dumped_is_read_back_the_same(value: Any) -> None:
    assert types_of(load_plain_yaml(dump_plain_yaml(value))) == types_of(value)


@given(st.text(max_size=300) | st.text("&*!{}[]:-, \n#|>'\"%ab1", max_size=60))
def test_any_text_is_data_or_refused(text: str) -> None:
    try:
        value = load_plain_yaml(text)
    except InvalidInput:
        return
    assert types_of(load_plain_yaml(dump_plain_yaml(value))) == types_of(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2026-11-21T04:00:00Z", "2026-11-21T04:00:00Z"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("-9223372036854775808", -(1 << 63)),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("+12.5e-1", 1.25),
        ('"5"', "5"),
        ("[1, {a: b}]", [1, {"a": "b"}]),
        ("1: a\nno: b", {"1": "a", "no": "b"}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert types_of(load_plain_yaml(text)) == types_of(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1", "^a: YAML anchors and aliases"),
        ("a: [&x [1]]", r"^a\.0: YAML anchors"),
        ("a: *x", "anchors and aliases|undefined alias"),
        ("&x a: 1", "^the document: a key must be a plain text"),
        ("a: !!python/object/apply:os.system [ls]", "^a: YAML tags such as"),
        ("a: {b: !!str 5}", r"^a\.b: YAML tags"),
        ("!thing {}", "^the document: YAML tags"),
        ("!k a: 1", "^the document: a key must be a plain text"),
        ("a: 1\nb: {c: 1, c: 2}", r"^b\.c: the key stands twice"),
        ("? [a]\n: 1", "a key must be a plain text"),
        ("a: .nan", "^a: the number is not finite"),
        ("a: -.inf", "^a: the number is not finite"),
        ("a: 1e999", "^a: the number is not finite"),
        ("a: 9223372036854775808", "^a: the integer does not fit 64 bits"),
        ("a: " + "9" * 5000, "^a: the integer does not fit 64 bits"),
        ("a: 1\n---\nb: 2", "more than one YAML document"),
        ("a: [", "^not YAML"),
        ("a: \x00", "^not YAML"),
    ],
)
def test_what_has_two_meanings_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_plain_yaml(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        load_plain_yaml(text)


def test_nesting_up_to_the_limit_is_read() -> None:
    text = "[" * DEEPEST + "1" + "]" * DEEPEST
    value = load_plain_yaml(text)
    for _ in range(DEEPEST):
        assert isinstance(value, list)
        (value,) = value
    assert value == 1
    with pytest.raises(InvalidInput, match="nested deeper than 24"):
        load_plain_yaml(f"[{text}]")


def test_a_value_that_stands_twice_is_written_out_twice() -> None:
    shared = {"a": [1]}
    assert load_plain_yaml(dump_plain_yaml([shared, shared])) == [shared, shared]


def test_the_sign_of_zero_is_kept() -> None:
    value = load_plain_yaml(dump_plain_yaml(-0.0))
    assert isinstance(value, float)
    assert math.copysign(1, value) == -1
