"""Text that strangers wrote: names of files, addresses, factories, errors of others. It is never markup."""

import re
import unicodedata

_LONGEST = 240  # characters; more would push the page away
_STEM = 80
_UNPRINTED = ("Cc", "Zl", "Zp", "Cs")
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]+')  # in names of files, on one system or another


def literal(text: str) -> str:
    """Return Markdown that shows a text as it is, in the type of code.

    Streamlit finds links, pictures, emoji, colours and formulas in all other text, some of them after escapes
    have been read, but none in code.
    """
    line = one_line(text)
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    # One space at either end is taken off again, where there is one at both.
    pad = " " if line.startswith(("`", " ")) or line.endswith(("`", " ")) or not line.strip() else ""
    return f"{fence}{pad}{line or ' '}{pad}{fence}"


def one_line(text: str, most: int = _LONGEST) -> str:
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


def file_stem(name: str) -> str:
    """Return the name of a file without folders and ending, as every system can have it in a new name."""
    last = re.split(r"[/\\]", one_line(name, 10 * _LONGEST))[-1]
    stem = last.rpartition(".")[0] or last
    return one_line(_FORBIDDEN.sub("-", stem), _STEM).strip(" .") or "picture"
