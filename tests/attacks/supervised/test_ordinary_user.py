"""The same attacks, by an ordinary user: no power of root's is what refuses them, and no check relies on running as root."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator

import pytest

from tests.attacks.supervised.arena import build, check_refused, environ, outcomes
from tests.attacks.supervised.inside import Table
from tests.sandbox.accounts import Account, CannotError, account

THEMES = ("reads", "moves", "protected", "calls")


@pytest.fixture(scope="module")
def ordinary() -> Iterator[Account]:
    """An account that is not root's, where the tests run as root; else they are an ordinary user's already."""
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user, and so do the attacks")
    try:
        with account("ordinary") as made:
            yield made
    except CannotError as err:
        pytest.skip(f"not tried as an ordinary user: {err}")


@pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")
@pytest.mark.parametrize("theme", THEMES)
def test_every_attack_of_a_theme_is_refused(ordinary: Account, theme: str) -> None:
    table: Table = importlib.import_module(f"tests.attacks.supervised.{theme}").ATTACKS
    folder = ordinary.folder / theme
    ada = build(folder, table)
    ordinary.give(folder)
    inside = [ordinary.python, "-m", "tests.attacks.supervised.inside", theme, str(ada.root.parent)]
    ran = ordinary.run(*ordinary.supervised(*inside), cwd=ada.root, env=environ(ada))
    met = outcomes(ran)
    assert set(met) == set(table)
    for name, attack in table.items():
        check_refused(attack, met[name])
