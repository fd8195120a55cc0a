"""What comes from elsewhere is shown as text, whatever a terminal would make of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.cli.output import print_json, print_line, print_table, say
from pipit.printable import counted, printable

ATTACK = "fine\x1b[2K\x1b]0;owned\x07\r\x9b31m\u202etxt.exe"
SHOWN = r"fine\x1b[2K\x1b]0;owned\x07\r\x9b31m\u202etxt.exe"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ATTACK, SHOWN),
        ("two\nlines\tand more", "two\nlines\tand more"),
        (
            "Zoë schläft, 20\u00a0°C, 家, 👩\u200d👧, می\u200cخواهم",
            "Zoë schläft, 20\u00a0°C, 家, 👩\u200d👧, می\u200cخواهم",
        ),
        ("M\udcfcnchen", r"M\xfcnchen"),
        ("\u2028\ufeff\ue000", r"\u2028\ufeff\ue000"),
    ],
)
def test_commands_of_terminals_become_text(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_in_one_line_there_are_no_further_lines() -> None:
    assert printable("two\nlines", lines=False) == r"two\nlines"


@given(st.text())
def test_what_was_shown_stays(text: str) -> None:
    once = printable(text)
    assert printable(once) == once
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in once)


def test_every_way_to_a_terminal_goes_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(ATTACK)
    print_table(("why",), [(ATTACK,)], title=ATTACK)
    say(ATTACK)
    print_json({"why": ATTACK})
    said = capsys.readouterr()
    assert said.out.count(r"fine\x1b[2K") == 3
    assert r"fine\x1b[2K" in said.err
    assert '"fine\\u001b[2K' in said.out
    assert "\x1b" not in said.out + said.err
    assert "\x07" not in said.out + said.err


def test_a_log_for_people_and_a_servers_last_word_too() -> None:
    code = (
        "from pipit.logging import configure_logging, get_logger\n"
        "from pipit.errors import InvalidInput\n"
        "from pipit.service.process import run\n"
        f"reason = {ATTACK!r}\n"
        "configure_logging('INFO', 'console')\n"
        "get_logger('test').info('refused', reason=reason)\n"
        "def load(): raise InvalidInput(reason)\n"
        "run(load, lambda settings: 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count(SHOWN.partition(r"\x07")[0]) == 2
    assert "\x1b]0;" not in done.stderr


def test_a_number_has_the_noun_that_fits_it() -> None:
    assert [counted(number, "box", "boxes") for number in (0, 1, 2)] == ["0 boxes", "1 box", "2 boxes"]
    assert counted(1200, "example") == "1,200 examples"
