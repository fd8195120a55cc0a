r"""Text from elsewhere, as it may be shown: on a terminal, in a log, in a table.

A reason, a file's name or a server's error may hold what a terminal takes for commands (an escape sequence can write
over lines that are there, or set the window's title), or what turns the order of letters round (Trojan Source,
https://trojansource.codes). They are shown as Python writes them: `\x1b`.
"""

from __future__ import annotations

import unicodedata

_LINES = "\n\t"
_JOINERS = "\u200c\u200d"
"""Of letters in some scripts, and of emoji."""
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of what has no look of its own."""


def printable(text: str, lines: bool = True) -> str:
    """The text with everything that can't be seen as an escape; bytes that were no UTF-8 in hexadecimal.

    lines: whether new lines and tabs may stay.
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    # Nearly all text is.
    if text.isprintable():
        return text
    return "".join(_shown(letter, lines) for letter in text)


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 example", "1,200 examples". many: where it is not `one` and an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _shown(letter: str, lines: bool) -> str:
    if (lines and letter in _LINES) or letter in _JOINERS or unicodedata.category(letter) not in _HIDDEN:
        return letter
    return letter.encode("unicode_escape").decode("ascii")
