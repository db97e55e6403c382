"""No other door into the kernel leads round the supervisor, and nothing inside can touch it."""

from __future__ import annotations

import pytest

from tests.attacks.supervised.arena import build, check_refused, check_works_unwatched, run_supervised, run_unwatched
from tests.attacks.supervised.calls import ATTACKS


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """What the attacks reached with nobody watching, then supervised."""
    ada = build(tmp_path_factory.mktemp("calls"), ATTACKS)
    unwatched = run_unwatched(ada, "calls")
    return unwatched, run_supervised(ada, "calls")


@pytest.mark.parametrize("name", ATTACKS)
def test_is_refused(name: str, both: tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]) -> None:
    check_refused(ATTACKS[name], both[1][name])


@pytest.mark.parametrize("name", [each.name for each in ATTACKS.values() if each.control])
def test_reaches_it_with_nobody_watching(name: str, both: tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]) -> None:
    check_works_unwatched(ATTACKS[name], both[0][name])
