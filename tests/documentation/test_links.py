"""Every relative link, every anchor, and every file that a page names leads to something that is there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("compose", "docs", "examples", "k8s", "protos", "services", "shared", "tests")
"""At the top: a path that begins with one of them, and ends like a file, is of this repository."""
PACKAGES = (
    "ad_detection",
    "baby_monitor",
    "emotion",
    "footprints",
    "home_security",
    "model_registry",
    "pipit",
    "pipit_console",
)
MADE = ("compose/secrets/", "compose/.env", "k8s/secrets/files/")
"""What commands write there, git ignores."""
ENDINGS = r"(?:cfg|csv|hcl|in|json|md|png|proto|py|sh|svg|toml|txt|ya?ml)"

LINK = re.compile(
    r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\""
)
PATH = re.compile(rf"(?<![\w./$~-])((?:{'|'.join(FOLDERS)})/[\w.*/-]*\.{ENDINGS})(?![\w/])")
IN_PACKAGE = re.compile(rf"`((?:{'|'.join(PACKAGES)})/[\w/]+\.py)`")
BARE = re.compile(r"`(\w+\.py)`")


def pages() -> list[Path]:
    hidden = {
        path for path in REPOSITORY.iterdir() if path.name.startswith(".") or path.name in {"build", "runs", "data"}
    }
    found = [
        path
        for top in sorted(set(REPOSITORY.iterdir()) - hidden)
        for path in ([top] if top.is_file() else sorted(top.rglob("*")))
        if path.suffix == ".md" and "node_modules" not in path.parts
    ]
    assert REPOSITORY / "README.md" in found
    assert len(found) > 20
    return found


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def outside_of_code(text: str) -> str:
    """The text without fenced and indented blocks, whose brackets are no links."""
    lines, fenced, was_blank, indented = [], False, True, False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        indented = line.startswith("    ") and (was_blank or indented)
        was_blank = not line.strip()
        if not fenced and not indented:
            lines.append(line)
    return "\n".join(lines)


def links(text: str) -> Iterator[str]:
    for markdown, html in LINK.findall(re.sub(r"`[^`\n]*`", "code", outside_of_code(text))):
        yield markdown or html


@cache
def anchors(page: Path) -> frozenset[str]:
    """Of a page's headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", outside_of_code(page.read_text("utf-8")), re.MULTILINE):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return frozenset(found)


def problem_of(page: Path, link: str) -> str | None:
    """Why a relative link leads nowhere."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return f"{link}: there is no such file"
    if not target.is_relative_to(REPOSITORY):
        return f"{link}: it leads out of the repository"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"{link}: {name_of(target)} has no such heading; it has {', '.join(sorted(anchors(target)))}"
    return None


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    relative = [link for link in links(page.read_text("utf-8")) if not re.match(r"[a-z]+:|//", link)]
    assert [problem for link in relative if (problem := problem_of(page, link))] == []


@cache
def sources() -> frozenset[str]:
    """Python files, by their path in the repository."""
    folders = [REPOSITORY / name for name in FOLDERS if (REPOSITORY / name).is_dir()]
    return frozenset(path.relative_to(REPOSITORY).as_posix() for folder in folders for path in folder.rglob("*.py"))


def missing_files(text: str) -> list[str]:
    """Files of this repository that a text names and that are not there. `*` stands for any part of a name."""
    missing = [path for path in PATH.findall(text) if not path.startswith(MADE) and not any(REPOSITORY.glob(path))]
    ends = [*IN_PACKAGE.findall(text), *BARE.findall(text)]
    return [*missing, *(end for end in ends if not any(f"/{path}".endswith(f"/{end}") for path in sources()))]


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    # A changelog may name what is gone.
    assert name_of(page) == "CHANGELOG.md" or missing_files(page.read_text("utf-8")) == []


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = REPOSITORY / "README.md"
    assert problem_of(page, "docs/none.md") == "docs/none.md: there is no such file"
    assert problem_of(page, "../") == "../: it leads out of the repository"
    assert "has no such heading" in (problem_of(page, "docs/bundle.md#no-such-heading") or "")
    assert problem_of(page, "docs/bundle.md#goldennpz") is None
    assert missing_files("see `tests/load/none.py`, `pipit/none.py`, `nothing.py` and docs/measured/no*.csv") == [
        *("tests/load/none.py", "docs/measured/no*.csv", "pipit/none.py", "nothing.py")
    ]
    assert missing_files("see `tests/load/measure.py`, `pipit/errors.py`, `measure.py` and docs/measured/*.csv") == []
    assert missing_files("compose/secrets/tokens.yaml is made, $PIPIT_DATA/docs/a.csv is elsewhere") == []


def test_links_are_told_from_code() -> None:
    text = 'a [b](c.md#d), [`e`](f.png "g"), `[h](i)`\n\n    [j](k)\n\n```\n[l](m)\n```\n<img src="n.svg">\n'
    assert list(links(text)) == ["c.md#d", "f.png", "n.svg"]


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# `a.b`: what's *new*, and [c](d)\n## Twice\n## Twice\n```\n# no heading\n```\n## PyTorch's builds\n"
    )
    assert anchors(page) == {"ab-whats-new-and-c", "twice", "twice-1", "pytorchs-builds"}
