"""A decision that is made while a supervised command runs holds from its next read on; and nothing inside decides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jupyter_mlsc.sandbox.features import probe
from tests.attacks.decided import revocation
from tests.attacks.forgery import digest_at, plant, vouching_key
from tests.conftest import Person

pytestmark = pytest.mark.skipif(not probe().complete, reason="this machine cannot supervise")

READER = """
import sys
for line in sys.stdin:
    try:
        print(len(open(line.strip()).read()), flush=True)
    except PermissionError as err:
        print("refused", flush=True)
"""


@contextmanager
def reader(person: Person) -> Iterator[subprocess.Popen[str]]:
    """A supervised command that reads the files that it is told, and says how long they are."""
    command = [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-I", "-c", READER]
    with subprocess.Popen(
        command, cwd=person.root, env=person.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def ask(running: subprocess.Popen[str], path: str) -> str:
    assert running.stdin is not None
    assert running.stdout is not None
    print(path, file=running.stdin, flush=True)
    return running.stdout.readline().strip()


def test_a_revocation_in_another_process_turns_the_next_read_into_a_refusal(signed_dataset: Person) -> None:
    ada = signed_dataset
    length = str(len((ada.root / "data/train.csv").read_text()))
    run = ada.new_run()
    ada.load("data/train.csv", run)
    ada.save([1], "models/m.json", run)
    with reader(ada) as running:
        for path in ("data/train.csv", "data/train.csv", "models/m.json"):
            assert ask(running, path).isdecimal()
        assert ask(running, "data/train.csv") == length
        assert ada.mlsc("revoke", "data/train.csv", "--why", "the labels are flipped").returncode == 0
        assert ask(running, "data/train.csv") == "refused"
        assert ask(running, "models/m.json") == "refused"
        assert running.stdin is not None
        running.stdin.close()
        assert running.stderr is not None
        told = running.stderr.read()
        assert running.wait(60) == 0
    assert "the labels are flipped [revoked]" in told
    assert "[input-revoked]" in told


def test_a_revocation_that_comes_as_a_file_is_seen_too(signed_dataset: Person) -> None:
    """By somebody who does not keep this ledger, in a file of claims that was there already."""
    ada = signed_dataset
    with reader(ada) as running:
        assert ask(running, "data/train.csv").isdecimal()
        assert ask(running, "data/train.csv").isdecimal()
        target = plant(ada, revocation(ada, digest_at(ada, "data/train.csv"), vouching_key(ada)))
        target.rename(target.with_name("from-elsewhere.jsonl"))
        assert ask(running, "data/train.csv") == "refused"


@pytest.mark.parametrize(
    "decision",
    [
        ("revoke", "data/train.csv", "--why", "x"),
        ("review", "data/train.csv", "--reject", "--note", "x"),
        ("override", "data/train.csv", "--why", "x", "--until", "2999-01-01"),
        ("promote", "data/train.csv", "--to", "production"),
    ],
    ids=lambda d: d[0],
)
def test_nothing_that_is_supervised_decides(signed_dataset: Person, decision: tuple[str, ...]) -> None:
    """Not even with the passphrase at hand: the keys are where nothing inside may look."""
    ada = signed_dataset
    passphrase = f"import os, runpy, sys; os.environ['MLSC_KEY_PASSPHRASE'] = 'passphrase of {ada.name}'; sys.argv = {['mlsc', *decision]!r}; "
    code = passphrase + "runpy.run_module('jupyter_mlsc.cli', run_name='__main__')"
    done = ada.mlsc("exec", "--", sys.executable, "-c", code)
    assert done.returncode not in (0, 125), done.stderr
    assert ada.verify("data/train.csv").verified
    ledger = ada.project.books.ledger
    assert ledger is not None
    assert {entry.kind for entry in ledger.entries()} <= {"signature", "oms-signature", "profile", "read", "run"}
