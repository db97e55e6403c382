"""A toy language for the index of what came from what: ``d<b,c`` d was made of b and c; ``tree[b,c]`` a folder; ``word:c`` something was said of c."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from ledger_entries import new_entry

from jupyter_mlsc.ledger import NewEntry
from jupyter_mlsc.ledger.graph_index import Reading, Rows
from jupyter_mlsc.ledger.index import key_of

TYPE = "https://example.org/letters/v1"


def letter(text: str, number: int) -> NewEntry:
    """The entry that says this."""
    return replace(new_entry(number), envelope=json.dumps({"says": text, "number": number}).encode(), predicate_type=TYPE)


def add(rows: Rows, number: int, predicate_type: str, envelope: bytes) -> None:
    """Read one."""
    assert predicate_type == TYPE
    text: str = json.loads(envelope)["says"]
    name, sign, rest = ([*re.split(r"([<\[:])", text.rstrip("]"), maxsplit=1), "", ""])[:3]
    keys = [key_of(f"sha256:{each}") for each in (name, *rest.split(","))]
    if sign == "<":
        rows.of["graph_made"].append((number, keys[0], key_of(name), key_of(f"run {number}"), b"", b"", number))
        rows.of["graph_use"] += [(number, place, each, key_of("name")) for place, each in enumerate(keys[1:])]
    elif sign == "[":
        rows.of["graph_part"] += [(keys[0], each, number) for each in keys[1:]]
    elif sign == ":":
        rows.of["graph_word"].append((number, keys[1]))


READING = Reading("letters", frozenset({TYPE}), add)
