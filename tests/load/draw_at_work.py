"""Draws the picture of the README, `docs/at_work.svg`: a stretch of sound, and what a server says that it hears.

Nothing in it is made up. `pipit demo` trains its bundle, or finds it. The first unseen clip of each class, alarms and
background by turns, makes one recording. A server of that bundle is asked twice by `pipit classify --stream`: for JSON,
which becomes the chart, and on a terminal, which is shown as it was. The picture holds words and scores, and no sound.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from io import StringIO
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from pipit.bundle import open_bundle
from pipit.inputs.audio import resample
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from servers import ROOT, SERVE_PYTHON, inference_server

OUTPUT = ROOT / "docs/at_work.svg"
RECORDING = "evening.flac"
CLIP_SECONDS = 5.0
SAMPLE_RATE = 22_050
"""Hz; clips of several data sets have several."""
WIDTH, LEFT, RIGHT = 1000, 150, 970
TOP, LANE, BAR = 150, 46, 34
"""Pixels: where the lanes begin, from lane to lane, height of a score of 1."""
CARD, INK, QUIET, LINE = "#11151c", "#e6e9ee", "#8d97a5", "#2a313c"
COLOURS = ("#ff7b72", "#f0b429", "#7cc4ff", "#c39bff")
SANS = "system-ui, 'Segoe UI', Helvetica, 'DejaVu Sans', sans-serif"
THEME = TerminalTheme(
    (17, 21, 28),
    (230, 233, 238),
    [
        *((42, 49, 60), (255, 123, 114), (126, 211, 133), (240, 180, 41)),
        *((124, 196, 255), (195, 155, 255), (110, 210, 220), (230, 233, 238)),
    ],
)
COLUMNS = 100
"""Of the terminal: as wide as the answers' table."""


@dataclass(frozen=True)
class Sound:
    """samples: float, (frames,), full scale at -1 and 1. truth: what each clip is, one after the other."""

    samples: NDArray[np.float64]
    sample_rate: int
    truth: tuple[str, ...]


def main() -> int:
    """Draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--state", type=Path, default=ROOT / "runs/demo", help="folder of the demo (default: runs/demo)"
    )
    state = parser.parse_args().state.absolute()
    demo = json.loads(_pipit(["demo", "--json", "--each", "1", "--state", str(state)], Path.cwd()))
    if demo["synthetic"]:
        parser.error("PIPIT_DATA names no folder with esc50: the picture shows real sounds")
    sound = compose([(Path(answer["file"]), answer["category"]) for answer in demo["answers"]], demo_alarms(demo))
    with (
        tempfile.TemporaryDirectory() as name,
        inference_server("--bundle", demo["bundle"], python=SERVE_PYTHON) as server,
    ):
        folder, address = Path(name), server[1]
        soundfile.write(folder / RECORDING, sound.samples, sound.sample_rate)
        command = ["classify", "--stream", "--server", address]
        (answer,) = json.loads(_pipit([*command, "--top", "0", "--json", RECORDING], folder))
        terminal = _on_a_terminal([*command, "--top", "1", RECORDING], folder)
    OUTPUT.write_text(picture(demo, sound, answer["predictions"], terminal), "utf-8")
    return 0


def demo_alarms(demo: Mapping[str, Any]) -> set[str]:
    """Categories of clips that stand for a label of their own."""
    return {answer["category"] for answer in demo["answers"] if answer["category"] == answer["expected"]}


def compose(clips: Sequence[tuple[Path, str]], alarms: set[str]) -> Sound:
    """The clips as one recording, background and alarms by turns, each cut or padded to five seconds."""
    background = [clip for clip in clips if clip[1] not in alarms]
    alarming = [clip for clip in clips if clip[1] in alarms]
    order = [clip for clip in chain(*zip_longest(background, alarming)) if clip is not None]
    parts = []
    for path, _ in order:
        samples, rate = soundfile.read(path, always_2d=True, dtype="float32")
        mono = resample(samples.mean(axis=1), rate, SAMPLE_RATE)[: int(CLIP_SECONDS * SAMPLE_RATE)]
        parts.append(np.pad(mono, (0, int(CLIP_SECONDS * SAMPLE_RATE) - len(mono))))
    return Sound(np.concatenate(parts), SAMPLE_RATE, tuple(category for _, category in order))


def _command(arguments: Sequence[str]) -> list[str]:
    return [str(Path(sys.executable).with_name("pipit")), *arguments]


def _pipit(arguments: Sequence[str], folder: Path) -> str:
    """Standard output of a command. Raises CalledProcessError if it fails."""
    return subprocess.run(_command(arguments), cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def _on_a_terminal(arguments: Sequence[str], folder: Path) -> str:
    """What a command shows on a terminal, colours included. Raises CalledProcessError if it fails."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = _command(arguments)
    shown = bytearray()
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=theirs) as process:
        os.close(theirs)
        with suppress(OSError):  # how Linux tells that the other side has closed
            while piece := os.read(ours, 4096):
                shown += piece
        os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return shown.decode("utf-8").replace("\r\n", "\n")


def picture(demo: Mapping[str, Any], sound: Sound, parts: Sequence[Mapping[str, Any]], terminal: str) -> str:
    """The whole as SVG: what was played, a lane for each alarm, and the terminal below."""
    alarms = [label for label in open_bundle(Path(demo["bundle"])).manifest.labels if label in demo_alarms(demo)]
    bottom = TOP + LANE * len(alarms)
    shot, height = terminal_svg(terminal, y=bottom + 52)
    drawn = [
        _text(LEFT, 38, "What was played, and what Pipit heard", INK, 20, weight=600),
        _text(LEFT, 60, _caption(demo, sound), QUIET, 13),
        *_played(sound, bottom),
        *(line for index, label in enumerate(alarms) for line in _lane(index, label, parts, sound)),
        *_axis(bottom, sound),
        shot,
    ]
    whole = bottom + 52 + height + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole:.0f}" font-family="{SANS}" role="img" '
        f'aria-label="Sounds, the scores that a Pipit server gave them, and the command that asked it">\n'
        f'<rect width="{WIDTH}" height="{whole:.0f}" rx="12" fill="{CARD}"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _caption(demo: Mapping[str, Any], sound: Sound) -> str:
    return (
        f"{demo['task']} {demo['version']} ({demo['variant']}), trained by `make demo`; "
        f"{len(sound.truth)} clips that training never saw, in one stream"
    )


def _x(seconds: float, sound: Sound) -> float:
    return LEFT + (RIGHT - LEFT) * seconds / (CLIP_SECONDS * len(sound.truth))


def _text(x: float, y: float, text: str, colour: str, size: int, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _played(sound: Sound, bottom: float) -> list[str]:
    """The loudness, and the name of each clip above it."""
    step = sound.sample_rate // 10
    peaks = np.abs(sound.samples[: len(sound.samples) // step * step]).reshape(-1, step).max(axis=1)
    drawn = [_text(LEFT - 14, 117, "played", QUIET, 13, "end")]
    for index, peak in enumerate(peaks):
        half = max(0.6, 17 * float(peak))
        drawn.append(
            f'<rect x="{_x(index / 10, sound):.1f}" y="{113 - half:.1f}" width="1.6" height="{2 * half:.1f}" '
            f'fill="{QUIET}"/>'
        )
    for index, name in enumerate(sound.truth):
        middle = _x((index + 0.5) * CLIP_SECONDS, sound)
        drawn.append(_text(middle, 88, name.replace("_", " "), INK, 13, "middle"))
        if index:
            x = _x(index * CLIP_SECONDS, sound)
            drawn.append(f'<path d="M{x:.1f} 78V{bottom:.0f}" stroke="{LINE}" stroke-dasharray="2 4"/>')
    return drawn


def _lane(index: int, label: str, parts: Sequence[Mapping[str, Any]], sound: Sound) -> list[str]:
    """A bar for each window that was answered, about its middle; bright where the answer said the label."""
    colour = COLOURS[index % len(COLOURS)]
    floor = TOP + LANE * (index + 1) - 6
    drawn = [
        _text(LEFT - 14, floor - 6, label.replace("_", " "), colour, 13, "end"),
        f'<path d="M{LEFT} {floor + 0.5}H{RIGHT}" stroke="{LINE}"/>',
    ]
    hop = parts[1]["span"]["start"] - parts[0]["span"]["start"]
    for part in parts:
        middle = (part["span"]["start"] + part["span"]["end"]) / 2
        (score,) = [score for score in part["scores"] if score["label"] == label]
        heard = part["label"] == label
        left, right = _x(middle - hop / 2, sound) + 1.5, _x(middle + hop / 2, sound) - 1.5
        height = max(1.0, BAR * score["score"])
        drawn.append(
            f'<rect x="{left:.1f}" y="{floor - height:.1f}" width="{right - left:.1f}" height="{height:.1f}" rx="2" '
            f'fill="{colour}" opacity="{1 if heard else 0.28}"/>'
        )
        if heard:
            dark = height > 20
            y = floor - height + 14 if dark else floor - height - 4
            drawn.append(
                _text((left + right) / 2, y, f"{score['score']:.2f}", CARD if dark else colour, 11, "middle", 600)
            )
    return drawn


def _axis(bottom: float, sound: Sound) -> list[str]:
    ticks = [
        _text(_x(index * CLIP_SECONDS, sound), bottom + 16, f"{index * CLIP_SECONDS:.0f} s", QUIET, 12, "middle")
        for index in range(len(sound.truth) + 1)
    ]
    note = "A bar is the score of one window of 5 s, a new one every 2.5 s. Bright: it was detected."
    return [*ticks, _text(LEFT, bottom + 38, note, QUIET, 12)]


def terminal_svg(shown: str, y: float) -> tuple[str, float]:
    """The terminal as a nested SVG element as wide as the picture, without fonts from elsewhere; and its height."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold"), f"pipit classify --stream --top 1 {RECORDING}"))
    console.print(Text.from_ansi(shown.strip("\n") + "\n"))
    svg = console.export_svg(title="", theme=THEME, unique_id="terminal")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if size is None:
        raise ValueError("rich writes its SVG in another way than before: it names no viewBox")
    width = RIGHT - LEFT
    height = width * float(size[2]) / float(size[1])
    place = f'<svg x="{LEFT}" y="{y:.0f}" width="{width}" height="{height:.1f}" '
    return svg.strip().replace("<svg ", place, 1), height


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failure:  # the command has said why
        sys.exit(f"{Path(sys.argv[0]).name}: {failure}")
