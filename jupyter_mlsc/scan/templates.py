"""Chat templates: Jinja programs that come with a language model, in GGUF files and in tokenizer configurations. Readers differ in how well they fence them in.

Rules kept: a template that reaches for what templates have no need of (attributes with underscores, ways to the interpreter) is a finding; loops,
conditions, filters and text are what honest ones are made of.
"""

from __future__ import annotations

import re

_REACHES = re.compile(
    r"""__\w+__|\\x5f\\x5f|\battr\s*\(|\|\s*attr\b|\bmro\b|\bsubclasses\b|\b(?:popen|getattr|setattr|globals|builtins|importlib|subprocess|os\.system)\b"""
    r"""|\b(?:cycler|joiner|lipsum|config|request|self|url_for|get_flashed_messages)\s*(?:\.|\[)\s*['"]?_|\b(?:eval|exec|open|compile)\s*\(|\{%-?\s*(?:import|include|from|extends)\b""",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LONGEST = 4 << 20


def reached_for(template: str) -> str | None:
    """What a template reaches for that no template needs; None where it does not. Only what is in its blocks counts: the rest is text."""
    for block in _BLOCK.finditer(template[:_LONGEST]):
        found = _REACHES.search(block[0])
        if found is not None:
            return found[0].strip()
    return None
