"""The command line as text: every ``tests/cli/*.txt`` is typed into a real shell, and what it says is compared line by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transcript import play, steps

from tests.conftest import Person

LONG = ("clone", "decisions", "impact", "keys_and_log", "policy_change", "several_keys")
"""What these type other tests of clones, decisions, graphs, keys and policies ask in their own process."""
TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("file", [pytest.param(each, id=each.stem, marks=pytest.mark.slow if each.stem in LONG else ()) for each in TRANSCRIPTS])
def test_the_command_line_says_what_is_written(file: Path, person: Callable[..., Person]) -> None:
    people = {step.who: person(step.who) for step in steps(file.read_text(encoding="utf-8"))}
    wrong = play(file.read_text(encoding="utf-8"), person("ada").root, lambda who: people[who].environ)
    assert not wrong, "\n\n".join(wrong)
