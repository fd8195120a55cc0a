"""Recording rules, alerts, and who is told, as they are written."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_server import COMPOSE, REPOSITORY, missing

PROMETHEUS = COMPOSE / "prometheus"
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
needs_promtool = pytest.mark.skipif(bool(missing("promtool")), reason=missing("promtool"))
needs_amtool = pytest.mark.skipif(bool(missing("amtool")), reason=missing("amtool"))


def rules(file: str, kind: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules" / file).read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml", "alert")}
each_alert = pytest.mark.parametrize("name", ALERTS)


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def headings(path: Path) -> set[str]:
    """Anchors, as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@needs_promtool
def test_prometheus_takes_its_configuration() -> None:
    said = run("promtool", "check", "config", "prometheus.yml")
    assert f"{len(ALERTS)} rules found" in said
    assert f"{len(rules('recording.yml', 'record'))} rules found" in said


@needs_promtool
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_rules_say_what_their_cases_expect(case: Path) -> None:
    run("promtool", "test", "rules", str(case))


@each_alert
def test_there_is_a_case_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    tried = [
        bool(case.get("exp_alerts"))
        for path in CASES
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == name
    ]
    assert set(tried) == {True, False}


@each_alert
def test_an_alert_says_how_bad_it_is_what_it_means_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    texts = alert["annotations"]
    assert set(texts) == {"summary", "description", "runbook"}
    assert not texts["summary"].endswith(".")
    assert texts["description"].endswith(".")
    page, _, anchor = texts["runbook"].partition("#")
    assert anchor in headings(REPOSITORY / page)
    assert anchor == re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def test_the_runbook_has_nothing_for_alerts_that_do_not_exist() -> None:
    anchors = {rule["annotations"]["runbook"].partition("#")[2] for rule in ALERTS.values()}
    text = (REPOSITORY / "docs/runbook.md").read_text("utf-8")
    third = {line.lower().replace(" ", "-") for line in re.findall(r"^### (.+)$", text, re.MULTILINE)}
    assert third == anchors


@needs_amtool
def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in run("amtool", "check-config", str(COMPOSE / "alertmanager/alertmanager.yml"))


def quieted() -> Iterator[tuple[str, str]]:
    config = yaml.safe_load((COMPOSE / "alertmanager/alertmanager.yml").read_text("utf-8"))
    for rule in config["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            yield from ((name, matcher) for name in re.findall(r"[A-Z]\w+", matcher))


@pytest.mark.parametrize(("name", "matcher"), list(quieted()))
def test_what_is_kept_quiet_beside_another_exists(name: str, matcher: str) -> None:
    assert name in ALERTS, matcher


def examples() -> list[str]:
    """Receivers that the documentation shows."""
    text = (REPOSITORY / "docs/monitoring.md").read_text("utf-8")
    return [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith("receivers:")]


@needs_amtool
@pytest.mark.parametrize("example", examples(), ids=["mail", "ntfy"])
def test_receivers_of_the_documentation_are_taken(tmp_path: Path, example: str) -> None:
    config = yaml.safe_load((COMPOSE / "alertmanager/alertmanager.yml").read_text("utf-8"))
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config | yaml.safe_load(example)), "utf-8")
    run("amtool", "check-config", str(tmp_path / "alertmanager.yml"))


def test_the_documentation_lists_each_alert_under_its_severity() -> None:
    text = (REPOSITORY / "docs/monitoring.md").read_text("utf-8")
    listed = {
        severity: set(names.split(", "))
        for severity, names in re.findall(r"^\| (critical|warning|info) \| (.+) \|$", text, re.M)
    }
    severities = {
        severity: {n for n, a in ALERTS.items() if a["labels"]["severity"] == severity} for severity in listed
    }
    assert listed == severities
    assert set().union(*listed.values()) == set(ALERTS)
