"""`pipit models`: what the registry holds, and which version each environment points to."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from pipit.cli.output import JsonOption, mark, print_json, print_line, print_table
from pipit.cli.registry import RegistryOption, connected, megabytes, plain_version


def models(
    task: Annotated[str, typer.Argument(help="Only this task. (default: all)")] = "",
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """List the versions in the registry, the newest first, and the environments that point to them.

    For example:
      pipit models
      pipit models TASK --json | jq -r '.versions[0].version'
    """
    with connected(registry) as client:
        listing = client.list_versions(task)
    if json:
        versions = [plain_version(version) for version in listing.versions]
        print_json({"versions": versions, "environments": listing.environments})
        return
    if not listing.versions:
        print_line("nothing was published yet; pipit publish RUN does it")
        return
    points: dict[tuple[str, str], list[str]] = {}
    for environment in listing.environments:
        points.setdefault((environment.task, environment.version), []).append(environment.name)
    rows = [
        (
            escape(version.task),
            version.version,
            escape(version.name),
            escape(", ".join(points.get((version.task, version.version), []))),
            mark(version.gates_passed),
            "\n".join(version.signed_by) or ("not checked" if version.signed else "unsigned"),
            megabytes(version.size),
            version.published_at.astimezone().strftime("%Y-%m-%d %H:%M"),
            version.digest[:12],
        )
        for version in listing.versions
    ]
    print_table(("task", "version", "name", "environments", "gates", "signed by", ">size", "published", "digest"), rows)
