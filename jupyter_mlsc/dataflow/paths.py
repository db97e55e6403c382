"""File names as code spells them against names as the record has them.

Rules kept: a name in code is relative to a folder that is not known here, so names agree where one ends with the other, by whole parts, or lies
in the other as in a folder; ``*`` stands for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

ANY = "*"


def parts_of(path: str) -> tuple[str, ...]:
    """The parts that tell: no drive, no protocol, no ``.`` and ``..``."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..", "~") and not part.endswith(":")]
    while len(parts) > 1 and parts[0] == ANY:
        parts.pop(0)
    return tuple(parts)


def glue(pieces: Iterable[str], *, joined: bool) -> str:
    """Put pieces together; a row of unknown ones is one."""
    return re.sub(r"\*+", "*", ("/" if joined else "").join(pieces))


@lru_cache(maxsize=4096)
def agree(spelled: str, name: str) -> bool:
    """Whether a name in code may be that of an artifact."""
    if spelled == ANY or name == ANY:
        return True
    left, right = parts_of(spelled), parts_of(name)
    if not left or not right:
        return False
    if "*" in spelled or "*" in name:
        return _suits(left, right) or _suits(right, left)
    shorter, longer = sorted((left, right), key=len)
    # A suffix names the same file; a part in the middle names a folder that the file lies in, or the folder that is one artifact.
    return any(longer[start : start + len(shorter)] == shorter for start in range(len(longer) - len(shorter) + 1))


def _suits(pattern: tuple[str, ...], name: tuple[str, ...]) -> bool:
    text = "/".join(pattern)
    regex = re.escape(text).replace(r"\*", ".*")
    whole = "/".join(name)
    return re.search(rf"(^|/){regex}(/|$)", whole) is not None or (
        "*" in whole and re.search(rf"(^|/){re.escape(whole).replace(chr(92) + '*', '.*')}(/|$)", text) is not None
    )
