"""The environment of ultralytics, as its lock files describe it."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2]


def _versions(name: str) -> dict[str, str]:
    lines = [line.partition(";")[0].strip() for line in (FOLDER / name).read_text().splitlines()]
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


@pytest.mark.skipif(not (FOLDER / "detector.lock.txt").is_file(), reason="installed without the folder of the service")
def test_the_lock_has_torch_for_the_processor_and_an_opencv_without_a_screen() -> None:
    lock, late = _versions("detector.lock.txt"), _versions("detector.late.txt")
    assert set(late) == {"ultralytics"}
    assert {"torch", "torchvision", "onnx", "onnxslim", "opencv-python-headless", "ultralytics-thop"} <= set(lock)
    assert not {"ultralytics", "opencv-python", "triton"} & set(lock)
    assert not [name for name in lock if name.startswith("nvidia-") and name != "nvidia-ml-py"]
    assert lock["torch"] == "2.13.0", "torchvision is made for one version of torch"
