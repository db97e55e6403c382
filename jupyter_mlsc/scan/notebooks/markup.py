"""Code and remote resources in the HTML, SVG and JavaScript of a notebook's outputs and text cells, and characters in code that do not show.

Rules kept: HTML is read by the standard library's parser, so what a browser mends in its own way can differ: what looks like a script to either is said.
The invisible characters are those of Unicode TR 36 and of CVE-2021-42574 ('Trojan Source').
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

_LOADS = dict.fromkeys(("script", "img", "iframe", "embed", "audio", "video", "source"), "src") | {
    "object": "data",
    "link": "href",
    "image": "href",
    "use": "href",
}
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_ZERO_WIDTH = re.compile("(?<=\\w)[\u200b\u200c\u200d\u2060\ufeff](?=\\w)")
_REMOTE = re.compile(r"(?i)^\s*(?:https?:)?//")
_STYLE_REMOTE = re.compile(r"(?i)(?:url\(\s*[\"']?|@import\s+[\"'])(?:https?:)?//")
_DATA = ("application/json", "application/ld+json", "text/template", "text/x-template", "text/plain")
MARKED_UP = ("text/html", "image/svg+xml", "text/markdown")
SCRIPTS = ("application/javascript", "text/javascript", "application/x-javascript", "application/ecmascript")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        line = self.getpos()[0]
        values = {name: value or "" for name, value in attrs}
        if tag == "script" and not _is_data(values.get("type", "")):
            self.found.append(("output-script", line, "a <script> element"))
        elif tag in ("iframe", "object", "embed", "frame") or (tag == "meta" and "refresh" in values.get("http-equiv", "").lower()):
            self.found.append(("output-frame", line, f"a <{tag}> element"))
        elif tag == "form":
            self.found.append(("output-form", line, f"a form that sends to {values.get('action') or 'this page'}"))
        for name, value in values.items():
            if name.startswith("on") and len(name) > 3:
                self.found.append(("output-script", line, f"the attribute {name} of a <{tag}> element"))
            elif re.match(r"(?i)[\s\x00-\x20]*(?:j\s*a\s*v\s*a|v\s*b)\s*script\s*:", value):
                self.found.append(("output-script", line, f"a javascript: address in a <{tag}> element"))
            elif name == "srcdoc":
                self.found.append(("output-script", line, "a document inside a frame"))
            elif name == "style" and _STYLE_REMOTE.search(value):
                self.found.append(("output-remote", line, "a style that loads from another server"))
        wanted = _LOADS.get(tag)
        address = values.get(wanted or "", "") or values.get(f"xlink:{wanted}", "")
        if wanted and _REMOTE.match(address):
            self.found.append(("output-remote", line, f"a <{tag}> element that loads {address}"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag that has no content."""
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        """Look at text, which in a style element is a style sheet."""
        if self.cdata_elem == "style" and _STYLE_REMOTE.search(data):
            self.found.append(("output-remote", self.getpos()[0], "a style sheet that loads from another server"))


def find(markup: str) -> list[tuple[str, int, str]]:
    """What code and what remote resources there are: a code of the one table, the line (1 is the first), and what it is."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return list(dict.fromkeys(reader.found))


def invisible(source: str) -> Iterator[tuple[str, int, str]]:
    """Characters in code that turn or hide what a reader sees: a code, the line, and which character."""
    for number, line in enumerate(source.splitlines(), 1):
        if match := _INVISIBLE.search(line) or _ZERO_WIDTH.search(line):
            yield "code-invisible", number, f"U+{ord(match[0]):04X}"


def _is_data(kind: str) -> bool:
    """Script elements of these types are never run: they hold data for others."""
    plain = kind.lower().partition(";")[0].strip()
    return plain in _DATA or plain.startswith("application/vnd.")
