"""What a person may be called."""

from __future__ import annotations

import unicodedata

from pipit.errors import InvalidInput

LONGEST = 100
"""Characters of a name."""
RESERVED = frozenset({"unknown", "known"})
"""What answers and metrics say of faces without a name."""
_JOINERS = "\u200c\u200d"
"""Between letters of Persian and Indian names, and inside of many an emoji; no other invisible sign has a use."""
_INVISIBLE = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cs": "half of a character",
    "Co": "a character of private use",
    "Zl": "a line break",
    "Zp": "a line break",
}


def check_name(name: str) -> str:
    """The name in Unicode's composed form (NFC), so that it is the same however it was typed.

    Raises InvalidInput that says what is wrong.
    """
    name = unicodedata.normalize("NFC", name)
    if not name.strip():
        raise InvalidInput("a person needs a name; give 1 to 100 characters")
    if len(name) > LONGEST:
        raise InvalidInput(f"a name of {len(name)} characters; give at most {LONGEST}")
    for place, character in enumerate(name, 1):
        wrong = _what_is_wrong(character)
        if wrong:
            raise InvalidInput(f"character {place} of the name is {wrong}; leave it out")
    if name != name.strip():
        raise InvalidInput("the name begins or ends with a space; leave it out")
    if name.casefold() in RESERVED:
        raise InvalidInput(f"{name!r} is what faces without a name are called; choose another name")
    return name


def _what_is_wrong(character: str) -> str:
    if character in "/\\":
        return "a slash"
    if character in "\n\r":
        return "a line break"
    if character in _JOINERS:
        return ""
    return _INVISIBLE.get(unicodedata.category(character), "")
