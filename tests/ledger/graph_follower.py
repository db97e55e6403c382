"""A process that brings the index of a ledger up to date when it is told to: `graph_follower.py PLACE MEMORY`."""

from __future__ import annotations

import sys

from letters import READING

from jupyter_mlsc.ledger import CheckpointMemory, Ledger
from jupyter_mlsc.ledger.graph_index import GraphIndex
from jupyter_mlsc.ledger.graph_queries import uses
from jupyter_mlsc.ledger.index import key_of


def main(place: str, memory: str) -> None:
    ledger = Ledger.open(place, CheckpointMemory(memory))
    print("ready", flush=True)
    sys.stdin.readline()
    with GraphIndex(ledger, READING).current() as connection:
        where = "memory" if str(connection.engine.url) == "sqlite://" and connection.engine.pool.__class__.__name__ == "StaticPool" else "the database"
        print(len(list(uses(connection, [key_of("sha256:a")], 10_000))), "in", where, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
