"""`pipit doctor`: what is installed here, what works, and what this machine is good for."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.markup import escape

from pipit.cli import checks
from pipit.cli.checks import Check
from pipit.cli.exit_codes import ExitCode
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.settings import CliSettings
from pipit.settings import load_settings

_SIGNS = {"ok": "[green]ok[/green]", "absent": "[yellow]--[/yellow]", "broken": "[red]BROKEN[/red]"}


def doctor(*, json: JsonOption = False) -> None:
    """Look at this machine: versions, processor, what really runs, data, servers, ports.

    Libraries are tried out in processes of their own, so that one that was built for another processor is found out.
    The exit code is 12 if something that is installed does not work.

    For example:
      pipit doctor
      pipit doctor --json | jq '.checks[] | select(.state == "broken")'
    """
    settings = load_settings(CliSettings)
    found = [
        *checks.machine_checks(settings.runs),
        *checks.package_checks(),
        *checks.plugin_checks(),
        *checks.data_checks(settings.data),
        *checks.server_checks(settings),
    ]
    verdict = verdict_of(found)
    broken = any(check.state == "broken" for check in found)
    if json:
        print_json({"checks": found, "verdict": verdict, "healthy": not broken})
    else:
        rows = [(check.group, check.name, _SIGNS[check.state], check.detail) for check in found]
        print_table(("", "what", "state", "found"), rows)
        for line in verdict:
            print_line(escape(line))
    if broken:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def verdict_of(found: Sequence[Check]) -> list[str]:
    """What this machine can do and what would let it do more, in sentences."""
    state = {check.name: check.state for check in found}
    detail = {check.name: check.detail for check in found}
    runs = [name for name in ("LiteRT", "ONNX Runtime") if state.get(name) == "ok"]
    lines = []
    if runs and state.get("can be served") == "ok":
        lines.append(f"This machine can serve {detail['can be served']} with {' and '.join(runs)}.")
    else:
        lines.append("This machine can't serve yet: it needs LiteRT or ONNX Runtime and a domain that is installed.")
    lacking = {task for check in found if check.state != "ok" for task in check.tasks}
    trainers = detail["can be trained"].split(", ") if state.get("can be trained") == "ok" else []
    if trainable := [task for task in trainers if task not in lacking]:
        lines.append(f"It can train {', '.join(trainable)}.")
    else:
        lines.append("It can't train: that needs a domain's `train` extra (a Raspberry Pi does not need it).")
    for check in found:
        if check.state == "broken":
            lines.append(f"Broken: {check.name}: {check.detail}. {check.advice}".rstrip())
    hints = [f"{check.name}: {check.advice}" for check in found if check.state == "absent" and check.advice]
    if hints:
        lines.append("To do more: " + "; ".join(hints) + ".")
    return lines
