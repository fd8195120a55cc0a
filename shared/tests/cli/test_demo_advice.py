"""What the demo tells people to type next."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipit.cli.demo.command import next_steps, shorten
from pipit.cli.demo.result import DemoResult
from pipit.cli.demo.run import DemoOptions

_STATE = Path("runs/demo")
_BUNDLE = _STATE / "training" / "run" / "publish" / "bundle"


@pytest.fixture
def result() -> DemoResult:
    return DemoResult(
        synthetic=True,
        trained_on="synthesised clips",
        task="home_security.sounds",
        recipe="small",
        version="1",
        digest="00",
        variant="int8",
        gates=(),
        gates_overridden=False,
        metrics={},
        answers=(),
        bundle=_BUNDLE,
        seconds={},
    )


@pytest.fixture
def options() -> DemoOptions:
    return DemoOptions(
        task="home_security.sounds",
        state=_STATE,
        data=None,
        serve_python=Path("envs/serve/bin/python"),
        registry_python=Path("envs/registry/bin/python"),
    )


def test_with_a_shell_the_advice_names_no_environment(result: DemoResult, options: DemoOptions) -> None:
    lines = [line.strip() for line in next_steps(result, options, "make shell")]

    assert "try next, in terminals with make shell:" in lines
    assert f"pipit serve --bundle {_BUNDLE}" in lines
    assert "pipit classify YOUR_RECORDING.wav" in lines
    assert 'make registry ARGS="--store runs/demo/registry"' in lines
    assert not [line for line in lines if "/bin/" in line]


def test_without_one_it_names_the_interpreters_it_was_given(result: DemoResult, options: DemoOptions) -> None:
    lines = [line.strip() for line in next_steps(result, options, "")]

    assert f"envs/serve/bin/python -m pipit.serving --bundle {_BUNDLE}" in lines
    assert "envs/registry/bin/pipit registry serve --store runs/demo/registry" in lines


def test_long_names_of_clips_are_cut_and_short_ones_are_not() -> None:
    assert shorten("3-216281-A-39.ogg", 24) == "3-216281-A-39.ogg"
    assert shorten("arduino__alarm.6gnklo8n.flac", 24) == "arduino__alarm.6gnklo8n…"
    assert len(shorten("x" * 100, 24)) == 24
