"""Text that strangers wrote, on one line."""

import unicodedata

LONGEST = 240  # characters; more would push the page away
_UNPRINTED = ("Cc", "Zl", "Zp", "Cs")
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str, most: int = LONGEST) -> str:
    """Return a text on one line, shortened in its middle, without marks that turn the writing around."""
    line = "".join(_shown(letter) for letter in text)
    if len(line) <= most:
        return line
    half = (most - 1) // 2
    return f"{line[:half]}…{line[-half:]}"


def _shown(letter: str) -> str:
    if letter in _TURNING:
        return ""
    return " " if unicodedata.category(letter) in _UNPRINTED else letter
