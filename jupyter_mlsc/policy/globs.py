"""Patterns over names in a project: which files and folders a rule is about. No I/O.

Rules that this file keeps:

1. A pattern is matched against the whole name, component by component. ``*`` is any run of characters within one component (a leading dot
   too, so that hiding a file does not free it), ``?`` one character, ``[a-z]`` and ``[!a-z]`` one character of a set; none of them matches
   ``/``. ``**`` stands alone between slashes and is any number of components, also none: ``data/**`` fits ``data/a``, ``data/a/b`` and the
   folder ``data`` itself, since a tree that is made of governed files is governed.
2. Names are relative to the project. ``../shared/**`` names what lies beside it and ``/srv/data/**`` is absolute; a wildcard alone never
   climbs out of the project. Where the project's own folder is known, a file is found under all of these spellings.
3. Case counts. Names and patterns are compared in Unicode's NFC form: the two spellings of one visible name are one name to every rule.
4. Matching takes time proportional to the name: what was matched before a ``*`` or a ``**`` is never reconsidered (atomic groups), which
   loses nothing because the leftmost match leaves the most to what follows.

What is refused rather than guessed at: braces, ``!`` at the front, backslashes, ``**`` inside a component, empty and ``.`` components.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata

import msgspec

ABSOLUTE = -1
"""The base of a pattern that begins with a slash; otherwise the base is the number of leading ``..``."""
LONGEST = 1024
"""Characters that a pattern may have; longer ones are a mistake or an attack."""


def normal(name: str) -> str:
    """A name as rules see it: NFC, no empty, ``.`` or inner ``..`` components; the project itself is ``.``."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    # POSIX lets two leading slashes mean something else; here they are one.
    return posixpath.normpath("/" + name.lstrip("/") if name.startswith("/") else name)


class Place:
    """One name in all the spellings that patterns may use. ``root`` is the absolute folder of the project, where it is known."""

    __slots__ = ("_name", "_root", "_seen")

    def __init__(self, name: str, root: str | None = None) -> None:
        self._name = normal(name)
        self._root = None if root is None else normal(root)
        self._seen: dict[int, str | None] = {}

    @property
    def name(self) -> str:
        """The name in its normal form."""
        return self._name

    def under(self, base: int) -> str | None:
        """The name relative to a pattern's base, ``""`` for the base itself, or None when it is not known to lie below it."""
        if base not in self._seen:
            self._seen[base] = self._absolute() if base == ABSOLUTE else self._relative(base)
        return self._seen[base]

    def _absolute(self) -> str | None:
        if self._name.startswith("/"):
            return self._name[1:]
        return None if self._root is None else normal(posixpath.join(self._root, self._name))[1:]

    def _relative(self, ups: int) -> str | None:
        name = self._name
        if not name.startswith(("/", "..")):
            climbed, rest = 0, "" if name == "." else name
        elif not name.startswith("/"):
            parts = name.split("/")
            climbed = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
            rest = "/".join(parts[climbed:])
        else:
            climbed, rest = -1, ""
        if climbed == ups:
            return rest
        if self._root is None:
            return None
        here = self._root.strip("/").split("/") if self._root != "/" else []
        base = "/".join(here[: max(len(here) - ups, 0)])
        absolute = self._absolute() or ""
        if not base or absolute == base:
            return "" if absolute == base else absolute
        return absolute[len(base) + 1 :] if absolute.startswith(base + "/") else None


class Glob(msgspec.Struct, frozen=True):
    """A compiled pattern. ``prefix`` is its literal leading folder as the pattern spells it: ``""`` when it may fit anything."""

    text: str
    base: int
    parts: tuple[str, ...]
    prefix: str
    _regex: re.Pattern[str]

    @classmethod
    def parse(cls, pattern: str) -> Glob:
        """Compile a pattern. Raises ValueError with a sentence that says what is wrong with it and what to write instead."""
        text = unicodedata.normalize("NFC", pattern)
        base, parts = _split(text)
        literal: list[str] = []
        for part in parts:
            if part == "**" or _WILD.search(part):
                break
            literal.append(part)
        if literal and len(literal) == len(parts):
            literal.pop()
        lead = "/" if base == ABSOLUTE else "../" * base
        return cls(text, base, parts, (lead + "/".join(literal)).rstrip("/") or lead, re.compile(_translate(parts)))

    def fits(self, place: Place) -> bool:
        """True when the pattern matches the name."""
        rest = place.under(self.base)
        if rest is None:
            return False
        if rest == "":
            return self.parts == ("**",)
        return self._regex.match(rest + "/") is not None

    def may_fit_below(self, folder: Place) -> bool:
        """False only when no name below this folder can match: for deciding what needs no further look."""
        rest = folder.under(self.base)
        if rest is None:
            # Under another base, only a folder beside or above can be told apart, and that is not worth the risk.
            return True
        parts = rest.split("/") if rest else []
        for mine, theirs in zip(self.parts, parts, strict=False):
            if mine == "**":
                return True
            if not _WILD.search(mine) and mine != theirs:
                return False
        return len(self.parts) > len(parts) or "**" in self.parts

    def covers(self, other: Glob) -> bool:
        """True when every name that ``other`` fits is fitted by this one too. May be False where it is hard to tell."""
        if self.base != other.base:
            return False
        if self.parts == other.parts:
            return True
        if not any(part == "**" or _WILD.search(part) for part in other.parts):
            return self._regex.match("/".join(other.parts) + "/") is not None
        head = self.parts[:-1]
        return self.parts[-1] == "**" and not any(part == "**" or _WILD.search(part) for part in head) and other.parts[: len(head)] == head

    def overlaps(self, other: Glob) -> bool:
        """False only when no name can fit both patterns: their literal leading folders part ways."""
        if self.base != other.base:
            return True
        for mine, theirs in zip(self.parts, other.parts, strict=False):
            if "**" in (mine, theirs) or _WILD.search(mine) or _WILD.search(theirs):
                return True
            if mine != theirs:
                return False
        return True


_WILD = re.compile(r"[*?\[]")


def _split(text: str) -> tuple[int, tuple[str, ...]]:
    if not text:
        raise ValueError("the pattern is empty: write ** for every file of the project")
    if len(text) > LONGEST:
        raise ValueError(f"the pattern is longer than {LONGEST} characters")
    if "\\" in text:
        raise ValueError("a pattern is written with forward slashes and has no escapes: write data/raw, or [*] for a star itself")
    if "{" in text or "}" in text:
        raise ValueError('braces are not used here: write a list of patterns, match = ["data/*.csv", "data/*.tsv"]')
    if text.startswith("!"):
        raise ValueError("a pattern cannot be turned round with !: put a rule for the exception before this one")
    base, rest = 0, text
    if text.startswith("/"):
        base, rest = ABSOLUTE, text[1:]
    else:
        while rest == ".." or rest.startswith("../"):
            base, rest = base + 1, rest[3:]
    parts = rest.split("/")
    if parts[-1] == "" and len(parts) > 1:
        raise ValueError(f"the pattern ends with a slash: for a folder and all that is in it write {text}**")
    for part in parts:
        if part == "":
            raise ValueError("the pattern has an empty name between slashes")
        if part in (".", ".."):
            raise ValueError(f'"{part}" may not stand there: names are relative to the project, and .. may only stand at the front')
        if "**" in part and part != "**":
            raise ValueError(f"** stands alone between slashes: in {part} write * for any characters, or **/ for any folders before it")
    collapsed = tuple(part for i, part in enumerate(parts) if part != "**" or i == 0 or parts[i - 1] != "**")
    return base, collapsed


def _translate(parts: tuple[str, ...]) -> str:
    """A regular expression for the name with a slash added, so that every component ends with one."""
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_component(part) + "/")
    head, *others = ("".join(run) for run in runs)
    if not others:
        return head + r"\Z"
    *middle, tail = others
    found = "".join(f"(?>(?:[^/]++/)*?{run})" for run in middle)
    return head + found + (rf"(?:[^/]++/)*{tail}\Z" if tail else "")


def _component(part: str) -> str:
    chunks = [""]
    at = 0
    while at < len(part):
        sign = part[at]
        if sign == "*":
            chunks.append("")
        elif sign == "?":
            chunks[-1] += "[^/]"
        elif sign == "[":
            end = part.find("]", at + 2)
            if end < 0:
                raise ValueError(f"the set that begins with {part[at:]} is not closed: write [abc], [a-z], [!a], or [[] for a bracket itself")
            chunks[-1] += _set(part[at + 1 : end])
            at = end
        else:
            chunks[-1] += re.escape(sign)
        at += 1
    first, *rest = chunks
    if not rest:
        return first
    *middle, last = (chunk for i, chunk in enumerate(rest) if chunk or i == len(rest) - 1)
    # A star stands for something: no component is empty.
    return (first or "(?!/)") + "".join(f"(?>[^/]*?{chunk})" for chunk in middle) + "[^/]*" + last


def _set(body: str) -> str:
    if body.startswith("^"):
        raise ValueError(f"[{body}] is turned round with !, as in [!{body[1:]}]")
    negated, body = (True, body[1:]) if body.startswith("!") else (False, body)
    built, at = "", 0
    while at < len(body):
        if at + 2 < len(body) and body[at + 1] == "-":
            low, high = body[at], body[at + 2]
            if low > high:
                raise ValueError(f"the range {low}-{high} is the wrong way round")
            built += f"{re.escape(low)}-{re.escape(high)}"
            at += 3
        else:
            built += re.escape(body[at])
            at += 1
    if not built:
        raise ValueError("an empty set [] fits nothing")
    return f"(?!/)[{'^' if negated else ''}{built}]"
