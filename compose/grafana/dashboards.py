"""Writes the dashboards as JSON, which Grafana reads at its start: `make dashboards`.

fleet ──> task
  └─────> device        registry
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from device import device
from fleet import fleet
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from registry import registry
from task import task

FOLDER = Path(__file__).with_name("dashboards")
MADE = {"fleet": fleet, "task": task, "registry": registry, "device": device}


def as_json(made: Dashboard) -> str:
    """As Grafana imports it; panels numbered, so that addresses of single panels stay."""
    document = made.build()
    text = JSONEncoder(sort_keys=True, indent=2).encode(document)
    content = json.loads(text)
    content["annotations"].setdefault("list", [])
    for number, panel in enumerate(content["panels"], 1):
        panel["id"] = number
    return json.dumps(content, sort_keys=True, indent=2) + "\n"


def main() -> None:
    """One file for each dashboard."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: beside this file)")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MADE.items():
        (folder / f"{name}.json").write_text(as_json(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
