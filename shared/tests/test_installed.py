from __future__ import annotations

import re
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path

import pytest
from pipit import installed
from pipit.errors import NotFound
from pipit.installed import how_to_install, installed_domains, own_packages, tasks_beside
from pipit.training.trainer import load_trainer

ROOT = Path(__file__).parents[2]
DOMAINS = sorted(path.parent.name for path in ROOT.glob("services/*/configs"))


def install(monkeypatch: pytest.MonkeyPatch, *tasks: str) -> None:
    """As if just these tasks were installed."""
    points = EntryPoints(EntryPoint(task, f"{task}.train:Trainer", "pipit.trainers") for task in tasks)
    monkeypatch.setattr(installed, "entry_points", lambda group: points.select(group=group))


def test_the_domains_of_this_repository_are_found() -> None:
    assert set(DOMAINS) <= set(installed_domains())


def test_their_packages_and_those_of_services_are_pipit_s_own() -> None:
    assert {"pipit", "model_registry", *DOMAINS} <= own_packages()
    assert "grpc" not in own_packages()


@pytest.mark.parametrize(
    ("tasks", "domain", "advice"),
    [
        (["birds.song", "bees.hum"], "bees", "'services/bees[train]'"),
        (["birds.song"], "", "'services/birds[train]'"),
        (["birds.song", "birds.egg", "bees.hum"], "", "'services/DOMAIN[train]', DOMAIN being bees or birds"),
        ([], "", "'services/DOMAIN[train]', DOMAIN being a folder of services/"),
    ],
)
def test_what_to_install(monkeypatch: pytest.MonkeyPatch, tasks: list[str], domain: str, advice: str) -> None:
    install(monkeypatch, *tasks)
    assert how_to_install(domain, "train") == f"in the repository, run: pip install --editable {advice}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_s_further_entry_points_lead_to_its_tasks(domain: str) -> None:
    (point,) = [
        p for p in entry_points(group="pipit.checks") if p.dist and p.dist.name.endswith(domain.replace("_", "-"))
    ]
    assert {task.partition(".")[0] for task in tasks_beside(point)} == {domain}


def test_a_task_of_a_domain_that_is_not_installed_says_how_to_get_it() -> None:
    with pytest.raises(NotFound, match=r"no trainer of 'bees\.hum'.*pip install --editable 'services/bees\[train\]'"):
        load_trainer("bees.hum")


def lines_with(words: str, *folders: str) -> list[str]:
    """Of the library's files."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in folders
        for path in sorted((ROOT / "shared" / "pipit" / folder).rglob("*"))
        if path.suffix in (".py", ".yaml") and "_pb" not in path.parts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(words, line)
    ]


def test_nothing_in_shared_names_a_domain() -> None:
    """Not in code, not in help texts, not in examples: those use a task that is installed."""
    assert len(DOMAINS) > 2
    assert lines_with(rf"\b({'|'.join(DOMAINS)})\b", "") == []


def test_neither_the_command_line_nor_its_data_know_what_a_domain_downloads() -> None:
    downloads = sorted(entry_points(group="pipit.downloads").names)
    assert len(downloads) > 2
    assert lines_with("|".join(downloads), "cli", "data") == []


def test_a_trainer_that_lacks_a_library_says_what_to_install_and_a_fault_of_pipit_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [
        EntryPoint("bees.hum", "no_such_library.bees:Trainer", "pipit.trainers"),
        EntryPoint("birds.song", "pipit.training.no_such_module:Trainer", "pipit.trainers"),
    ]
    monkeypatch.setattr("pipit.training.trainer.entry_points", lambda **wanted: EntryPoints(points).select(**wanted))
    with pytest.raises(NotFound, match=r"needs the package 'no_such_library'; .*'services/bees\[train\]'"):
        load_trainer("bees.hum")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load_trainer("birds.song")
