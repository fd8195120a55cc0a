"""What the growth benchmark makes and reads, without its loads: bundles that serve, and rows that can be told apart."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def harness() -> Any:
    """`bench_growth`, which lies beside this file and in no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield importlib.import_module("bench_growth")


@pytest.fixture
def growth(harness: Any, tmp_path: Path) -> Any:
    harness.make_site(tmp_path / "site", harness.PIPELINE, harness.LayersPipeline)
    return harness.Growth(tmp_path, 0.2, tmp_path, tmp_path / "site")


def test_weights_have_the_size_that_is_asked_for(harness: Any, tmp_path: Path) -> None:
    made = harness.layers_bundle(tmp_path / "made", "load.layers", 20, 1.0)
    assert (made.bundle.path / "layers.onnx").stat().st_size == pytest.approx(1e6, rel=0.1)
    assert len(made.scores) == 20
    assert sum(made.scores.values()) == pytest.approx(1.0, abs=1e-5)


def test_several_bundles_serve_at_once_with_the_scores_that_this_process_computes(
    harness: Any, growth: Any, tmp_path: Path
) -> None:
    made = [harness.layers_bundle(tmp_path / str(labels), f"load.layers_{labels}", labels) for labels in (3, 40)]
    metrics = harness.free_port()
    server = harness.pipit_server(bundles=[each.bundle.path for each in made], metrics_port=metrics)
    with growth._running(server) as started:
        for each in made:
            call = harness.landmarks_call(str(each.bundle.manifest.task))
            harness.check(call, started, each.scores)
            with pytest.raises(RuntimeError, match="the server says"):
                harness.check(call, started, dict.fromkeys(each.scores, 0.0))
        assert len(harness.landmarks_call("load.layers_40", 5).ask(started.port)) == 5
        assert harness.requests(metrics) == {"OK": 5.0}
