"""docs/policy.md is true: its examples parse, and every key, value and reason stands in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_mlsc.artifacts import KINDS
from jupyter_mlsc.policy import parse_policy
from jupyter_mlsc.policy.deciding_tables import CHANNELS, KEYS, LATER
from jupyter_mlsc.policy.document import REQUIREMENTS
from jupyter_mlsc.policy.globs import Glob, Place
from jupyter_mlsc.verdict import Mode, reason_codes

PAGE = (Path(__file__).parent.parent.parent / "docs" / "policy.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_parses(example):
    layer = "admin" if example.startswith("# admin") else "project"
    assert parse_policy(example, "docs/policy.md", layer).rules


def test_every_key_is_used_in_an_example_and_explained():
    for table, keys in KEYS.items():
        for key in keys:
            assert any(re.search(rf"(^|[\[{{, ]){re.escape(key)}( *=|\]|$)", example, re.MULTILINE) for example in EXAMPLES), (table, key)
            assert f"`{key}`" in PAGE or f"`[{key}]`" in PAGE or f"`[[{key}]]`" in PAGE, (table, key)


def test_every_value_and_everything_that_is_refused_is_named():
    for word in (*KINDS, *CHANNELS, *REQUIREMENTS, *Mode, *LATER):
        assert re.search(rf'[`"]{word}[`"]', PAGE), word


def test_every_reason_is_explained_and_no_other():
    table = PAGE.split("## Reasons")[1]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(reason_codes())


def test_the_table_of_patterns_is_true():
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|$", PAGE.split("### Patterns")[1].split("## Which")[0], re.MULTILINE)
    assert len(rows) == 4
    for pattern, fitting, others in rows[:3]:
        for cell, expected in ((fitting, True), (others, False)):
            for name in re.findall(r"`([^`]+)`", cell):
                assert Glob.parse(pattern).fits(Place(name)) is expected, (pattern, name)
