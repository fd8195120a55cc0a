from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pipit.deployment import Domain, free_port, read_domain, read_domains
from pipit.deployment.facts import FIRST_PORT, LAST_PORT
from pipit.errors import InvalidInput, NotFound

Add = Callable[..., Path]


def test_a_folder_says_what_a_domain_is(add: Add, tmp_path: Path) -> None:
    add("wooden_toys", 50060, ("cars", "big_blocks"))
    (domain,) = read_domains(tmp_path)
    assert domain == Domain(
        package="wooden_toys",
        title="toys",
        port=50060,
        tasks=("wooden_toys.big_blocks", "wooden_toys.cars"),
        # In the order of pyproject.toml.
        trained=("wooden_toys.cars", "wooden_toys.big_blocks"),
        server="Answers which toy lies there",
        server_mib=384,
        trainer="Trains which toy lies there, and publishes it",
        trainer_mib=2048,
    )
    assert (domain.name, domain.variable, domain.metrics_port) == ("wooden-toys", "PIPIT_WOODEN_TOYS", 9473)


def test_a_trainer_may_need_more(add: Add) -> None:
    folder = add(tasks=("blocks", "finder"))
    with (folder / "domain.toml").open("a") as file:
        file.write('landmarks = true\nbeside = "finder"\nlicences = "Apache-2.0 AND MIT"\n')
    for name in ("finder.in", "finder.lock.txt", "finder.late.lock.txt"):
        with pytest.raises(NotFound, match=r"trainer.beside is 'finder', and there is no .*finder"):
            read_domain(folder)
        (folder / name).touch()
    domain = read_domain(folder)
    assert (domain.landmarks, domain.beside, domain.licences) == (True, "finder", "Apache-2.0 AND MIT")


def test_a_server_may_name_people(add: Add) -> None:
    folder = add()
    assert not read_domain(folder).gallery
    facts = folder / "domain.toml"
    facts.write_text(facts.read_text().replace("memory_mib = 384", "memory_mib = 384\ngallery = true"))
    assert read_domain(folder).gallery


def test_a_server_may_blur_faces(add: Add) -> None:
    folder = add()
    assert not read_domain(folder).blurs_faces
    facts = folder / "domain.toml"
    facts.write_text(facts.read_text().replace("memory_mib = 384", "memory_mib = 384\nblurs_faces = true"))
    assert read_domain(folder).blurs_faces


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("port = 50060", "", r"domain\.toml: port is missing"),
        ("port = 50060", 'port = "50060"', r"domain\.toml: port is a whole number, not '50060'"),
        ("port = 50060", "port = true", r"port is a whole number, not True"),
        ("port = 50060", "port = 50050", r"port 50050 is not between 50051 and 50149"),
        ("port = 50060", "port = 50060\ncolour = 1", r"colour is no key; there are title, port, server, trainer"),
        ("memory_mib = 384", "memory = 384", r"server\.memory is no key; .*server\.memory_mib"),
        ("memory_mib = 384", "memory_mib = 0", r"server\.memory_mib can't be 0"),
        ("memory_mib = 2048", 'memory_mib = 2048\nbeside = "finder"', r"'finder', which is no task of this domain"),
        ('title = "toys"', 'title = ""', r"title can't be ''"),
        ('title = "toys"', "title = 'to\"ys'", r"text is one line without quotes"),
        ('title = "toys"', 'title = "toys', r"domain\.toml: "),
        ("[server]", "[serving]", r"serving is no key|server is missing"),
    ],
)
def test_a_wrong_key_is_named(add: Add, before: str, after: str, complaint: str) -> None:
    folder = add()
    text = (folder / "domain.toml").read_text()
    assert before in text
    (folder / "domain.toml").write_text(text.replace(before, after))
    with pytest.raises(InvalidInput, match=complaint):
        read_domain(folder)


def test_tasks_are_named_after_their_domain(add: Add) -> None:
    folder = add()
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace('"toys.blocks"', '"blocks"'))
    with pytest.raises(InvalidInput, match=r"'blocks' in pipit\.pipelines is not named toys\.<task>"):
        read_domain(folder)
    project.write_text("")
    with pytest.raises(InvalidInput, match=r"a domain has a task, .*pipit\.pipelines"):
        read_domain(folder)
    project.unlink()
    with pytest.raises(NotFound, match=r"there is no .*pyproject\.toml"):
        read_domain(folder)


def test_a_name_must_be_one_everywhere(add: Add) -> None:
    with pytest.raises(InvalidInput, match=r"name of a domain is of small letters"):
        read_domain(add("Toys-2"))


def test_two_domains_share_no_port(add: Add, tmp_path: Path) -> None:
    add("games", FIRST_PORT)
    add("toys", FIRST_PORT)
    with pytest.raises(InvalidInput, match=r"port 50051 is that of games; 50052 is free"):
        read_domains(tmp_path)


def test_the_lowest_free_port_is_found(add: Add, tmp_path: Path) -> None:
    assert free_port([]) == FIRST_PORT
    for number, port in enumerate((FIRST_PORT + 2, FIRST_PORT)):
        add(f"toys{number}", port)
    domains = read_domains(tmp_path)
    assert free_port(domains) == FIRST_PORT + 1
    for number, port in enumerate(range(FIRST_PORT, LAST_PORT + 1)):
        if port not in (FIRST_PORT, FIRST_PORT + 2):
            add(f"more{number}", port)
    with pytest.raises(InvalidInput, match="every port from 50051 to 50149 has a domain"):
        free_port(read_domains(tmp_path))
