"""Two processes train one network on synthetic clips, as two pods of an Indexed Job do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.synthetic import write_synthetic_set
from pipit.bundle import open_bundle
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput
from pipit.pipelines import load_pipeline
from pipit.runtimes import load_runtime
from pipit.training.by_input.audio.batches import AugmentedBatches, Samples

Make = Callable[..., SoundsRecipe]


def numbered(clips: int, copies: int) -> Samples:
    """Each copy of a clip is the clip's number."""
    rows = np.arange(clips, dtype=np.float32).repeat(copies).reshape(clips, copies, 1)
    return Samples(rows, np.zeros(clips, np.int64))


@pytest.mark.parametrize(("clips", "workers"), [(48, 2), (49, 2), (50, 3), (67, 3), (65, 4)])
def test_workers_hear_every_clip_once_an_epoch_in_as_many_batches(make_recipe: Make, clips: int, workers: int) -> None:
    recipe = make_recipe(batch_size=8, augmentation={"mixup": 0.0, "masks": 0})
    shares = [AugmentedBatches(numbered(clips, 1), 2, recipe, 0, worker, workers) for worker in range(workers)]
    alone = AugmentedBatches(numbered(clips, 1), 2, make_recipe(batch_size=8 * workers, augmentation={"mixup": 0.0}))
    for _ in range(2):
        assert len({len(share) for share in shares}) == 1
        heard = [[share[i][0].ravel().tolist() for share in shares] for i in range(len(shares[0]))]
        assert sorted(clip for step in heard for part in step for clip in part) == list(range(clips))
        assert all(len(part) >= 2 for step in heard for part in step)
        if len(alone) == len(heard):
            assert [sorted(clip for part in step for clip in part) for step in heard] == [
                sorted(alone[i][0].ravel().tolist()) for i in range(len(alone))
            ]
        for share in (*shares, alone):
            share.on_epoch_end()


def test_workers_vary_what_they_hear_each_in_its_own_way(make_recipe: Make) -> None:
    recipe = make_recipe(batch_size=8, augmentation={"mixup": 0.0, "masks": 2})
    tones = np.broadcast_to(np.arange(32, dtype=np.float32)[:, np.newaxis, np.newaxis], (16, 1, 32, 48, 1))
    all_alike = Samples(np.ascontiguousarray(tones), np.zeros(16, np.int64))
    chief, other, alone = (
        AugmentedBatches(all_alike, 2, recipe, 0, worker, workers)[0][0] for worker, workers in ((0, 2), (1, 2), (0, 1))
    )
    assert not np.array_equal(chief, other)
    np.testing.assert_array_equal(chief, alone)


def test_too_few_clips_for_so_many_workers(make_recipe: Make) -> None:
    with pytest.raises(InvalidInput, match="7 clips to train with are too few for 4 workers; each needs 2"):
        AugmentedBatches(numbered(7, 1), 2, make_recipe(), 0, 0, 4)


@pytest.mark.slow
def test_two_workers_train_one_bundle(
    tmp_path: Path, popen: Callable[..., Any], free_ports: Callable[[int], list[int]]
) -> None:
    runs = tmp_path / "runs"
    # Few clips, epochs and changes: how well it hears is another test's matter.
    write_synthetic_set(tmp_path / "data" / "synthetic_sounds", clips_per_class=6)
    changes = ("epochs=2", "augmentation.quiet=4", 'export.variants=["int8"]', "export.calibration_samples=8")
    settings = [part for change in changes for part in ("--set", change)]
    addresses = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
    arguments = ["train", "home_security.sounds", "--recipe", "synthetic", *settings, "--json"]
    workers = [
        popen(
            [Path(sys.executable).with_name("pipit"), *arguments],
            env={
                **os.environ,
                "PIPIT_DATA": str(tmp_path / "data"),
                "PIPIT_RUNS": str(runs),
                "PIPIT_WORKERS": addresses,
                "JOB_COMPLETION_INDEX": str(index),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    chief, other = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], chief[1] + other[1]
    said: list[dict[str, Any]] = [json.loads(output) for output, _ in (chief, other)]

    fits = [next(step for step in answer["steps"] if step["step"] == "fit")["facts"] for answer in said]
    assert fits[0]["workers"] == 2
    assert fits[0] == fits[1]  # The digest of all weights among them.
    assert [step["step"] for step in said[1]["steps"]] == ["prepare", "fit"]
    (run,) = (runs / "home_security.sounds").iterdir()
    (bundle_folder,) = runs.rglob("bundle")
    assert Path(said[0]["bundle"]) == bundle_folder == run / "publish" / "bundle"
    bundle = open_bundle(bundle_folder)
    pipeline = load_pipeline(bundle.manifest)
    for variant in bundle.manifest.variants:
        runtime = load_runtime(bundle.weights(variant.name), variant.runtime)
        assert check_golden(bundle, variant.name, pipeline, runtime) == 0.0
        runtime.close()
