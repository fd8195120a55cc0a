from __future__ import annotations

from pathlib import Path

import numpy as np
from emotion.stress.swell import FILE, read_swell
from emotion.stress.synthetic import write_synthetic_set
from pipit.data.synthetic import synthesise


def test_the_same_seed_gives_the_same_people_and_another_seed_others(tmp_path: Path) -> None:
    one, again, other = (
        (write_synthetic_set(tmp_path / name, 3, seed) / FILE).read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one == again != other


def test_stress_shows_and_its_order_is_drawn(synthetic: Path) -> None:
    listing = read_swell(synthetic)
    assert listing.problems == ()
    values = np.concatenate([recording.values for recording in listing.items])
    stressed = np.concatenate([recording.score for recording in listing.items]) == 1.0
    difference = np.nanmean(values[stressed], axis=0) - np.nanmean(values[~stressed], axis=0)
    assert difference[0] > 2.0
    assert difference[1] < 0.0
    assert difference[2] > 0.0
    assert 0.1 < np.isnan(values[:, 0]).mean() < 0.3
    first = [recording.score[-1] for recording in listing.items if recording.name.endswith("/1")]
    assert 0 < sum(first) < 15
    assert "nobody" in (synthetic / "SYNTHETIC.txt").read_text()


def test_the_command_line_finds_the_set_by_its_task(tmp_path: Path) -> None:
    folder = synthesise("emotion.stress", tmp_path)
    assert folder == tmp_path / "synthetic_stress"
    assert len(read_swell(folder).items) == 45
