"""Text that strangers wrote: names of files, addresses, factories, errors of others. It is never markup."""

import os
import re
import sys
from pathlib import Path

from dysample.models.manifest import pretrained_folder
from dysample.text import LONGEST as _LONGEST
from dysample.text import one_line as one_line

_LONGEST_SENTENCE = 2000
_STEM = 80
_MARKS = re.compile(r"[\\`*_{}\[\]<>#|~$!&]")
_LISTED = re.compile(r"^(\d*)([-+.)])")  # the beginning of a list
# What Streamlit looks for where escapes have been read already: emoji, icons, addresses.
_LATER = re.compile(r":(?=[\w+/-])|www(?=\.)|@", re.IGNORECASE)
_FOLDERS = re.compile(r"""(?<![\w/:.…])(?:[A-Za-z]:)?(?:[/\\][^\s/\\:'"<>|]+)+[/\\](?=[^\s/\\])""")
_JOINER = "\u2060"  # has no width, and no line breaks at it
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


def plain(text: str) -> str:
    """Return Markdown that shows a sentence as it is, for errors and reasons, which may quote anything.

    Signs are escaped. Emoji, icons and addresses are recognised in spite of that, so that an invisible sign
    is put into what might be one: use `literal` for what people copy. Of files of this machine only the last
    part of the path is left, which is all that concerns visitors.
    """
    line = _MARKS.sub(r"\\\g<0>", without_folders(one_line(text, _LONGEST_SENTENCE)).strip())
    line = _LATER.sub(rf"\g<0>{_JOINER}", line)
    return _LISTED.sub(r"\1\\\2", line)


def without_folders(text: str) -> str:
    """Return a text in which paths on this machine have lost their folders."""
    for folder in (pretrained_folder().parent, Path.cwd(), Path(sys.prefix), Path.home()):
        if len(folder.parts) > 1:
            text = text.replace(f"{folder}{os.sep}", f"…{os.sep}")
    return _FOLDERS.sub("…/", text)


def file_stem(name: str) -> str:
    """Return the name of a file without folders and ending, as every system can have it in a new name."""
    last = re.split(r"[/\\]", one_line(name, 10 * _LONGEST))[-1]
    stem = last.rpartition(".")[0] or last
    return one_line(_FORBIDDEN.sub("-", stem), _STEM).strip(" .") or "picture"
