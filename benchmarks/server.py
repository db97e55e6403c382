"""What the server's routes cost many clients: requests a second with 200 clients at once, beside a bare route of the Jupyter server.

    python -m benchmarks.server [--clients N] [--requests N] [--turns N]

A real server in a process of its own; the clients are connections that are kept open and ask again as soon as they were answered. Routes take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.panel_project import many_reads
from benchmarks.report import Row, table
from tests.conftest import Person
from tests.e2e.lab import TOKEN, Server, running
from tests.e2e.supervised_people import notebook

BARE = "api/status"
ROUTES = {
    "status": "mlsc/api/status?path=small.ipynb",
    "runs, 20 artifacts": "mlsc/api/runs?path=small.ipynb",
    "runs, 1,000 artifacts": "mlsc/api/runs?path=large.ipynb",
    "files, a folder of 20": "mlsc/api/files?path=data",
    "log/checkpoint": "mlsc/api/log/checkpoint",
    "log/proof": "mlsc/api/log/proof/7",
    "verify, one file": "mlsc/api/verify?path=data/0.txt",
}
SHARES = {"runs, 1,000 artifacts": 0.1}
"""Of routes whose one answer is a large one, fewer are asked for."""


async def _client(host: str, port: int, path: str, turns: asyncio.Queue[None], waits: list[float]) -> None:
    """Ask until all turns are taken. Raises AssertionError for an answer that is none."""
    reader, writer = await asyncio.open_connection(host, port)
    asked = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: token {TOKEN}\r\n\r\n".encode()
    try:
        while not turns.empty():
            turns.get_nowait()
            start = time.perf_counter()
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            await reader.readexactly(int(fields[b"content-length"]))
            waits.append(time.perf_counter() - start)
    finally:
        writer.close()
        await writer.wait_closed()


def _ask(server: Server, path: str, clients: int, requests: int) -> tuple[float, list[float]]:
    """Requests a second, and how long each waited."""
    place = urlsplit(server.url)
    waits: list[float] = []

    async def all_of_them() -> float:
        turns: asyncio.Queue[None] = asyncio.Queue()
        for _ in range(requests):
            turns.put_nowait(None)
        start = time.perf_counter()
        await asyncio.gather(*(_client(place.hostname or "", place.port or 0, place.path + path, turns, waits) for _ in range(clients)))
        return requests / (time.perf_counter() - start)

    return asyncio.run(all_of_them()), waits


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mlsc-server-") as folder:
        ada = Person("ada", Path(folder) / "home", Path(folder) / "project")
        ada.root.mkdir()
        ada.init("enforce")
        for name, count, place in (("small", 20, "data"), ("large", 1000, "many")):
            notebook(ada, "1", name=f"{name}.ipynb", kernel="python3")
            many_reads(ada.project, f"{name}.ipynb", count, place)
        ada.sign(*(f"data/{index}.txt" for index in range(20)))
        with running(ada, "jupyter_server") as server:
            print(table(_rows(server, options.clients, options.requests, options.turns)))


def _rows(server: Server, clients: int, requests: int, turns: int) -> list[Row]:
    # The first answers measure and judge the files; what is timed is a server that knows them.
    while "so far" in server.ask("GET", ROUTES["runs, 1,000 artifacts"])["headline"]:
        time.sleep(0.5)
    rates: dict[str, list[float]] = {name: [] for name in ("bare", *ROUTES)}
    waits: dict[str, list[float]] = {name: [] for name in rates}
    for _ in range(turns):
        for name, path in {"bare": BARE, **ROUTES}.items():
            rate, waited = _ask(server, path, clients, max(clients, int(requests * SHARES.get(name, 1))))
            rates[name].append(rate)
            waits[name] += waited
    rows = []
    for name in ROUTES:
        rows.append(Row(name, f"requests a second, {clients} clients", max(rates[name]), "/s", peer=max(rates["bare"])))
        rows.append(Row(name, "wait, median", statistics.median(waits[name]) * 1000, "ms", peer=statistics.median(waits["bare"]) * 1000))
        rows.append(
            Row(name, "wait, 99 of 100", statistics.quantiles(waits[name], n=100)[-1] * 1000, "ms", peer=statistics.quantiles(waits["bare"], n=100)[-1] * 1000)
        )
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
