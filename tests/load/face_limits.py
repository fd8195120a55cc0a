"""Limits for a recipe of faces, for whoever has too few strangers to measure any: from all people of a finished run.

    pipit train home_security.faces --recipe dlib --until fit
    python tests/load/face_limits.py runs/home_security.faces/dlib-<digest>

prints `naming.limits` of the recipe. Whoever uses them has other people; nothing is measured on these afterwards.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from home_security.faces.kept import read_faces
from home_security.faces.measuring import PICTURES
from home_security.faces.recipe import FacesRecipe
from home_security.faces.sides import COHORT
from home_security.faces.trials import choose_points
from pipit.faces.operating import RATES
from pipit.training.recipe import load_recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    folder: Path = parser.parse_args().run
    recipe = load_recipe(folder / "recipe.yaml", FacesRecipe)
    faces = read_faces(folder / "fit").face_set(copies=True)
    entries = json.loads((folder / "prepare" / "faces.json").read_bytes())
    cohort_people = {entry["person"] for entry in entries if entry["side"] == COHORT}
    strangers = {entry["person"] for entry in entries if entry["role"] == "unknown"}
    cohort = faces.named(sorted(cohort_people))
    first = [int(np.flatnonzero(cohort.people == name)[0]) for name in cohort.names]
    known = faces.named(sorted(set(faces.names) - strangers))
    others = faces.named(sorted(strangers - cohort_people))
    rows = PICTURES * (1 + recipe.augmentation.copies)
    points = choose_points(known, others, cohort.vectors[first], recipe.naming.settings(), recipe.seed, rows)
    if points is None:
        parser.error(f"{folder} holds too few people; train on more")
    limits = "\n".join(f"      - [{', '.join(f'{limit:.3f}' for limit in row)}]" for row in points.limits)
    source = f"{len(known.names)} people and {len(others.names)} strangers of {recipe.data[0].path}"
    sys.stdout.write(
        f"""  limits:
    people: [{", ".join(map(str, points.people))}]
    # For {", ".join(f"{100 * rate:g} %" for rate in RATES)} of strangers.
    limits:
{limits}
    spread: {points.spread:.3f}
    source: measured on {source}
    cohort: {len(first)}
"""
    )


if __name__ == "__main__":
    main()
