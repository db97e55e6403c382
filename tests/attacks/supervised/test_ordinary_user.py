"""The same attacks, by an ordinary user: no power of root's is what refuses them, and no check relies on running as root."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.attacks.supervised.arena import build, check_refused, environ, outcomes
from tests.attacks.supervised.inside import Table
from tests.attacks.supervised.starts import secret_variables, with_secrets
from tests.sandbox.accounts import Account, CannotError, account

THEMES = ("reads", "moves", "protected", "calls", "starts")


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


@contextmanager
def a_terminal(owner: Account) -> Iterator[str]:
    """A pty of somebody's that no tree of theirs has: only supervision keeps them from it."""
    master, terminal = os.openpty()
    try:
        if owner.uid is not None:
            os.fchown(terminal, owner.uid, -1)
        yield os.ttyname(terminal)
    finally:
        os.close(terminal)
        os.close(master)


@pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")
@pytest.mark.parametrize("theme", [pytest.param(each, marks=pytest.mark.slow if each in ("reads", "moves") else ()) for each in THEMES])
def test_every_attack_of_a_theme_is_refused(ordinary: Account, theme: str) -> None:
    table: Table = importlib.import_module(f"tests.attacks.supervised.{theme}").ATTACKS
    folder = ordinary.folder / theme
    ada = with_secrets(build(folder, table)) if theme == "starts" else build(folder, table)
    ordinary.give(folder)
    inside = [ordinary.python, "-m", "tests.attacks.supervised.inside", theme, str(ada.root.parent)]
    with a_terminal(ordinary) as terminal:
        ran = ordinary.run(*ordinary.supervised(*inside), cwd=ada.root, env={**environ(ada), **secret_variables(terminal)})
    met = outcomes(ran)
    assert set(met) == set(table)
    for name, attack in table.items():
        check_refused(attack, met[name])
