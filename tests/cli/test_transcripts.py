"""The command line as text: every ``tests/cli/*.txt`` is typed into a real shell, and what it says is compared line by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transcript import play, steps

from tests.conftest import Person

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("file", TRANSCRIPTS, ids=lambda f: f.stem)
def test_the_command_line_says_what_is_written(file: Path, person: Callable[..., Person]) -> None:
    people = {step.who: person(step.who) for step in steps(file.read_text(encoding="utf-8"))}
    wrong = play(file.read_text(encoding="utf-8"), person("ada").root, lambda who: people[who].environ)
    assert not wrong, "\n\n".join(wrong)
