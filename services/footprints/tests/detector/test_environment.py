"""The environment of ultralytics, as its lock files describe it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2]


def _versions(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z][a-z0-9-]*)==([\w.]+)", (FOLDER / name).read_text("utf-8"), re.MULTILINE))


@pytest.mark.skipif(not (FOLDER / "detector.lock.txt").is_file(), reason="installed without the folder of the service")
def test_the_lock_has_what_ultralytics_needs_and_an_opencv_without_a_screen() -> None:
    lock, late = _versions("detector.lock.txt"), _versions("detector.late.lock.txt")
    assert set(late) == {"ultralytics"}
    assert {"torchvision", "onnx", "onnxslim", "opencv-python-headless", "ultralytics-thop"} <= set(lock)
    assert not {"torch", "ultralytics", "opencv-python", "triton"} & set(lock)
    assert not [name for name in lock if name.startswith("nvidia-") and name != "nvidia-ml-py"]
    assert _versions("detector.torch.txt") == {"torch": "2.13.0"}, "torchvision is made for one version of torch"
