"""A copy of a notebook without the secrets that are found in it.

Rules kept: only texts in which a secret was found change, and in them only the secret; everything else of the document stays as it is, in its order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jupyter_mlsc.scan.finding import NotUnderstoodError
from jupyter_mlsc.scan.notebooks import secrets
from jupyter_mlsc.scan.notebooks.texts import joined, texts_of


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text of the copy (JSON as Jupyter writes it), and each secret that was taken out: where, and what it was."""

    text: str
    taken: tuple[tuple[str, str], ...]


def redact(data: bytes) -> Redacted:
    """Take secrets out of a notebook: tokens by their form, and values of assignments; not what only looks random. Raises NotUnderstoodError."""
    try:
        document = json.loads(data)
    except ValueError as err:
        raise NotUnderstoodError(f"it is no JSON: {err}") from err
    taken: list[tuple[str, str]] = []
    for text in list(texts_of(document)):
        name = text.where.rpartition(": ")[2] if text.role == "metadata" and ": " in text.where else ""
        clean = text.text
        for secret in secrets.find(text.text, code=text.role in ("code", "raw"), name=name):
            if secret.certainty != "random":
                clean = clean.replace(secret.value, f"[redacted: {secret.what}]")
                taken.append((f"{text.where}, line {secret.line}", secret.what))
        if clean != text.text:
            _put(document, text.path, clean)
    return Redacted(json.dumps(document, ensure_ascii=False, indent=1) + "\n", tuple(taken))


def _put(document: Any, path: tuple[str | int, ...], text: str) -> None:
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    # A list of lines stays one, so that a version control system shows the one line that changed.
    holder[path[-1]] = text.splitlines(keepends=True) if joined(holder[path[-1]]) is not None and isinstance(holder[path[-1]], list) else text
