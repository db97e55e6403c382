"""The threads that answer: who asks the same at the same time shares one look, and never one that began before the question."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from jupyter_mlsc.errors import LedgerError
from jupyter_mlsc.server.projects import Projects


@pytest.fixture
def projects() -> Iterator[Projects]:
    made = Projects({}, 1)
    yield made
    made.close()


async def test_who_asks_the_same_while_it_waits_shares_the_answer(projects: Projects) -> None:
    busy, looks = threading.Event(), iter(range(10))
    before = asyncio.ensure_future(projects.work(busy.wait))

    asked = [asyncio.ensure_future(projects.share(question, lambda: next(looks))) for question in ("a", "a", "b", "a")]
    await asyncio.sleep(0)
    busy.set()

    assert await asyncio.gather(*asked) == [0, 0, 1, 0]
    assert await before


async def test_an_answer_that_was_begun_is_given_to_nobody_who_asks_later(projects: Projects) -> None:
    begun, go_on, looks = threading.Event(), threading.Event(), iter(range(10))

    def look() -> int:
        seen = next(looks)
        begun.set()
        go_on.wait()
        return seen

    first = asyncio.ensure_future(projects.share("a", look))
    await asyncio.to_thread(begun.wait)
    second = asyncio.ensure_future(projects.share("a", look))
    await asyncio.sleep(0)
    go_on.set()

    assert (await first, await second) == (0, 1)


async def test_a_refusal_is_shared_and_not_kept_and_who_goes_away_takes_it_from_nobody(projects: Projects) -> None:
    busy = threading.Event()
    before = asyncio.ensure_future(projects.work(busy.wait))

    def refuse() -> int:
        raise LedgerError("no ledger")

    leaving, staying = (asyncio.ensure_future(projects.share("a", refuse)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    busy.set()

    with pytest.raises(LedgerError):
        await staying
    assert await projects.share("a", lambda: 1) == 1
    assert await before
