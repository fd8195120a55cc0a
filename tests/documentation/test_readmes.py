"""READMEs stay short, and the picture at the door holds nothing from elsewhere."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).parents[2]
DOMAINS = sorted(path.parent for path in REPOSITORY.glob("services/*/configs"))
GUIDED = ("ad_detection", "baby_monitor", "emotion", "footprints", "home_security")
"""Domains that came from a guide; others need no table for those who know it."""
PICTURE = REPOSITORY / "docs" / "at_work.svg"
SVG = "{http://www.w3.org/2000/svg}"


def tasks() -> list[str]:
    """Of every domain, as their packages register them."""
    found = []
    for domain in DOMAINS:
        section = (domain / "pyproject.toml").read_text("utf-8").partition('entry-points."pipit.pipelines"]')[2]
        found += re.findall(r'^"([\w.]+)" = ', section.partition("\n[")[0], re.MULTILINE)
    return found


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.name)
def test_a_domains_readme_is_short_and_says_what_it_has_to(domain: Path) -> None:
    text = (domain / "README.md").read_text("utf-8")
    own = [task for task in tasks() if task.startswith(f"{domain.name}.")]
    # A page for one or two tasks; each further one has its few lines.
    assert len(text.split()) <= 600 + 150 * max(0, len(own) - 1)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Use", "Train", "Data", "Limits"]


@pytest.mark.parametrize("name", GUIDED)
def test_a_domains_readme_leads_from_its_guide_to_what_is_here(name: str) -> None:
    domain = REPOSITORY / "services" / name
    text = (domain / "README.md").read_text("utf-8")
    (table,) = re.findall(r"^\| in the guide \| here[^|]* \|\n\|---\|---\|\n((?:\|.+\|\n)+)", text, re.MULTILINE)
    rows = [re.split(r"(?<!\\)\|", row)[1:-1] for row in table.splitlines()]
    assert len(rows) >= 4
    assert [row for row in rows if len(row) != 2 or not all(cell.strip() for cell in row)] == []
    recipes = re.findall(r"pipit train ([\w.]+) --recipe (\w+)", text)
    files = [f"{task.partition('.')[2]}-{recipe}.yaml" for task, recipe in recipes]
    assert [file for file in files if not (domain / "configs" / file).is_file()] == []


def test_there_are_tasks() -> None:
    assert {"home_security.sounds", "emotion.expression", "footprints.species"} <= set(tasks())


@pytest.mark.parametrize("task", tasks())
def test_every_task_has_a_report_and_a_line_with_one_number(task: str) -> None:
    pages = (REPOSITORY / "docs/measured").glob("*.md")
    (page,) = [path for path in pages if path.read_text("utf-8").startswith(f"# `{task}`")]
    report = page.relative_to(REPOSITORY).as_posix()
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    (row,) = [line for line in readme.splitlines() if line.startswith(f"| [`{task}`](")]
    assert f"]({report}#measured)" in row
    assert f"]({Path(report).name})" in (REPOSITORY / "docs/measured/README.md").read_text("utf-8")


def test_the_index_leads_to_every_page() -> None:
    index = (REPOSITORY / "docs/README.md").read_text("utf-8")
    pages = [path.relative_to(REPOSITORY / "docs").as_posix() for path in (REPOSITORY / "docs").rglob("*.md")]
    aside = re.compile(r"README\.md$|measured/")
    assert [page for page in pages if not aside.match(page) and f"]({page}" not in index] == []


def commands(pattern: str) -> list[str]:
    """What a pattern finds in pages for users, with the page."""
    folders = ("docs", "k8s", "services", "shared")
    pages = [REPOSITORY / "README.md", *(page for name in folders for page in (REPOSITORY / name).rglob("*.md"))]
    return [f"{page.name}: {found}" for page in pages for found in re.findall(pattern, page.read_text("utf-8"))]


def test_what_is_published_is_named_in_one_way() -> None:
    assert len(commands(r"pipit publish runs/[\w.]+/")) >= 4
    assert commands(r"pipit publish (?:\S*bundle|BUNDLE)\S*") == []


def test_nobody_has_to_type_the_path_of_an_environment_to_call_pipit() -> None:
    assert commands(r"make shell TASK=\S+")
    assert commands(r"\S*\.venv/train-\S*/bin/pipit") == []


def test_the_picture_holds_no_other_files_and_no_photographs() -> None:
    text = PICTURE.read_text("utf-8")
    assert PICTURE.stat().st_size < 100_000
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert {element.tag for element in root.iter()} & {
        f"{SVG}{name}" for name in ("image", "script", "foreignObject")
    } == set()
    assert set(re.findall(r"https?://[^\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in text


NUMBERS = {
    # task: CSV below docs/measured, what its row has in it, column of the number of samples, factor, digits
    "home_security.sounds": (
        "sounds_crossvalidation",
        {"task": "security, ESC-50's clips", "variant": "int8", "metric": "accuracy.security"},
        ("samples", 100, 1),
    ),
    "home_security.faces": (
        "faces",
        {"what": "found_at_1.0%", "people": "20", "pictures": "5"},
        ("samples", 100, 1),
    ),
    "emotion.expression": (
        "emotion_networks",
        {"recipe": "mobilefacenet", "what": "accuracy.fer2013"},
        ("samples", 100, 0),
    ),
    "emotion.stress": (
        "stress_crossvalidation",
        {"past": "recording", "model": "small", "windows": "all", "metric": "auc"},
        ("participants", 1, 2),
    ),
    "footprints.detector": (
        "footprints_detector",
        {"recipe": "guide", "what": "average_precision"},
        ("samples", 1, 2),
    ),
    "footprints.species": (
        "footprints_species",
        {"recipe": "together", "metric": "accuracy"},
        ("samples", 100, 0),
    ),
    "ad_detection.temporal": (
        "ads_temporal",
        {"task": "on frames", "frames": "unseen channels", "at": "threshold", "metric": "accuracy"},
        ("samples", 100, 0),
    ),
    "ad_detection.audio": (
        "ads_audio",
        {"sound": "tv_audio, 30 s", "network": "moves", "how": "one session out", "metric": "auc"},
        ("samples", 1, 2),
    ),
    "ad_detection.frames": (
        "ad_frames",
        {"recipe": "base", "frames": "unseen channels", "metric": "accuracy"},
        ("samples", 100, 0),
    ),
    "baby_monitor.cry": (
        "cry",
        {"recipe": "yamnet", "labels": "guide", "prior": "0.0", "split": "recorder", "metric": "macro_f1"},
        ("samples", 1, 2),
    ),
}


@pytest.mark.parametrize("task", NUMBERS)
def test_the_readmes_number_is_the_measured_one(task: str) -> None:
    name, wanted, (samples, factor, digits) = NUMBERS[task]
    with (REPOSITORY / "docs/measured" / f"{name}.csv").open() as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        (measured,) = [row for row in rows if wanted.items() <= row.items()]
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith(f"| [`{task}`](")]
    cell = line.split("|")[3]
    # A share is a whole number of per cent at its ends.
    ends = 0 if factor == 100 else digits
    low, high = (f"{float(measured[end]) * factor:.{ends}f}" for end in ("low", "high"))
    value = f"{float(measured['value']) * factor:.{digits}f}"
    assert re.findall(r"\d+(?:\.\d+)?", re.sub(r"\]\([^)]*\)", "]", cell.replace("95 %", "")))[:4] == [
        *(value, measured[samples], low, high)
    ]
