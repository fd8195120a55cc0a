"""Makes reference.npz: what MediaPipe itself says about the pictures below. The tests compare with it.

Needs an environment of its own, because this MediaPipe takes neither numpy 2 nor protobuf 5:

    python3.11 -m venv .venv/mediapipe
    .venv/mediapipe/bin/pip install mediapipe==0.10.18 numpy==1.26.4 protobuf==4.25.9 scikit-image==0.26.0
    .venv/mediapipe/bin/python shared/tests/landmarks/make_reference.py

The pictures are made from one photograph that scikit-image carries: the astronaut Eileen Collins, by NASA, public
domain. Coordinates are stored as MediaPipe gives them: divided by the picture's width and height.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

REFERENCE = Path(__file__).with_name("reference.npz")
FRAMES = 6


def pictures(photograph: Any) -> dict[str, Any]:
    """photograph: uint8, (512, 512, 3). Single pictures by name, by numpy alone so that they are the same anywhere."""
    small = photograph[60:204, 150:294].reshape(48, 3, 48, 3, 3).mean(axis=(1, 3))
    grey = np.repeat(small.mean(axis=-1, keepdims=True), 3, axis=-1)
    pair = np.zeros((512, 800, 3), np.uint8)
    pair[:, :512] = photograph
    pair[100:356, 530:786] = photograph[::2, ::-2]
    return {
        "whole": photograph,
        "wide": photograph[20:300],
        "tall": photograph[:, 120:330],
        "turned": turned(photograph, 25),
        "turned_back": turned(photograph, -40),
        "cut_left": photograph[:, 215:],
        "cut_top": photograph[95:],
        "mirrored": photograph[:, ::-1],
        "small_48": np.rint(grey).astype(np.uint8),
        "pair": pair,
    }


def frames(photograph: Any) -> list[Any]:
    """A stream: the camera swings to the right and turns."""
    return [turned(photograph, 3 * step)[:, 8 * step : 8 * step + 440] for step in range(FRAMES)]


def turned(photograph: Any, degrees: float) -> Any:
    """Turned about its middle, nearest pixels, black corners."""
    height, width = photograph.shape[:2]
    y, x = np.mgrid[0:height, 0:width] - np.array([height / 2, width / 2])[:, np.newaxis, np.newaxis]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    column = np.floor(cosine * x - sine * y + width / 2).astype(int)
    row = np.floor(sine * x + cosine * y + height / 2).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    result = np.zeros_like(photograph)
    result[inside] = photograph[row[inside], column[inside]]
    return result


def main() -> None:
    """Writes reference.npz beside this file."""
    import mediapipe
    from skimage import data

    photograph = data.astronaut()
    answers: dict[str, Any] = {}
    for name, picture in pictures(photograph).items():
        with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=4) as mesh:
            answers[f"{name}/faces"] = faces_of(mesh.process(np.ascontiguousarray(picture)))
        with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
            answers[f"{name}/body"] = body_of(pose.process(np.ascontiguousarray(picture)))
    with (
        mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1) as mesh,
        mediapipe.solutions.pose.Pose(model_complexity=1, smooth_landmarks=False) as pose,
    ):
        for step, frame in enumerate(frames(photograph)):
            answers[f"frame_{step}/faces"] = faces_of(mesh.process(np.ascontiguousarray(frame)))
            answers[f"frame_{step}/body"] = body_of(pose.process(np.ascontiguousarray(frame)))
    np.savez_compressed(REFERENCE, **answers)


def faces_of(result: Any) -> Any:
    """Shape (faces, 468, 3)."""
    found = result.multi_face_landmarks or []
    points = [[(point.x, point.y, point.z) for point in face.landmark] for face in found]
    return np.array(points, np.float32).reshape(-1, 468, 3)


def body_of(result: Any) -> Any:
    """Shape (bodies, 33, 4), one or none."""
    found = [result.pose_landmarks] if result.pose_landmarks else []
    points = [[(point.x, point.y, point.z, point.visibility) for point in body.landmark] for body in found]
    return np.array(points, np.float32).reshape(-1, 33, 4)


if __name__ == "__main__":
    main()
