"""What a device says of itself, read from files such as Linux has them."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from pipit.machine import board, cpu_temperature, processor_facts, throttled

THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"


def write(root: Path, **content: str) -> Path:
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_pi_is_called_what_its_firmware_calls_it(tmp_path: Path) -> None:
    write(
        tmp_path, **{"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0", "proc/cpuinfo": "model name : x\n"}
    )
    assert board(tmp_path) == f"Raspberry Pi 5 Model B Rev 1.0 {platform.machine()}"


def test_a_pc_is_called_after_its_processor(tmp_path: Path) -> None:
    write(tmp_path, **{"proc/cpuinfo": "processor : 0\nmodel name\t: Xeon 2.0\nflags : a b\n\nmodel name : other\n"})
    assert board(tmp_path) == f"Xeon 2.0 {platform.machine()}"
    assert processor_facts(tmp_path)["flags"] == "a b"


def test_a_machine_that_says_nothing_has_its_architecture(tmp_path: Path) -> None:
    assert board(tmp_path) == platform.machine()
    assert cpu_temperature(tmp_path) is None
    assert throttled(tmp_path) is None


def zone(number: int, kind: str, temperature: str) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{number}"
    return {f"{folder}/type": f"{kind}\n", f"{folder}/temp": temperature}


def test_the_processors_own_temperature_counts(tmp_path: Path) -> None:
    write(tmp_path, **zone(0, "acpitz", "91000\n"), **zone(1, "cpu-thermal", "54321\n"), **zone(2, "x86_pkg_temp", "x"))
    assert cpu_temperature(tmp_path) == 54.321


def test_else_the_warmest_does(tmp_path: Path) -> None:
    write(tmp_path, **zone(0, "acpitz", "41000\n"), **zone(1, "nvme", "48000\n"), **zone(2, "gone", ""))
    assert cpu_temperature(tmp_path) == 48.0


@pytest.mark.parametrize(
    ("value", "held_back"), [("0\n", False), ("50000\n", False), ("50005\n", True), ("2\n", True), ("8\n", True)]
)
def test_a_pi_says_whether_it_is_held_back_now(tmp_path: Path, value: str, held_back: bool) -> None:
    assert throttled(write(tmp_path, **{THROTTLED: value})) is held_back
