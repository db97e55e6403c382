"""The tables of the index of what came from what, in a ledger's own database: keys of digests and names, and numbers of entries.

They follow from the envelopes, can be dropped at any time, and hold no fact that is shown: whoever finds an entry here opens its envelope. Keys
are those of the other indexes (`index.key_of`).
"""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, Table

from jupyter_mlsc.ledger.tables import Bytes, Count, Number, Words

GRAPH = MetaData()

# One row: whose entries were followed, by which version of the reader, how far, and the leaf hash of the last one.
state = Table(
    "graph_state",
    GRAPH,
    Column("version", Words, primary_key=True),
    Column("origin", Words, nullable=False),
    Column("position", Count, nullable=False),
    Column("tip", Bytes, nullable=False),
)

# Provenance: what was made, by which run, notebook and environment; ``at`` in microseconds since 1970.
made = Table(
    "graph_made",
    GRAPH,
    Column("entry", Number, primary_key=True, autoincrement=False),
    Column("digest", Bytes, nullable=False),
    Column("name", Bytes, nullable=False),
    Column("run", Bytes, nullable=False),
    Column("notebook", Bytes, nullable=False),
    Column("environment", Bytes, nullable=False),
    Column("at", Count, nullable=False),
    Index("graph_made_digest", "digest", "at"),
    Index("graph_made_name", "name", "at"),
    Index("graph_made_run", "run"),
    Index("graph_made_notebook", "notebook"),
    Index("graph_made_environment", "environment"),
)

# From what it was made.
use = Table(
    "graph_use",
    GRAPH,
    Column("entry", Number, primary_key=True, autoincrement=False),
    Column("position", Number, primary_key=True, autoincrement=False),
    Column("digest", Bytes, nullable=False),
    Column("name", Bytes, nullable=False),
    Index("graph_use_digest", "digest", "entry"),
    Index("graph_use_name", "name", "entry"),
    sqlite_with_rowid=False,
)

# Files of folders that a statement lists, each pair once, with the first entry that says so.
part = Table(
    "graph_part",
    GRAPH,
    Column("tree", Bytes, primary_key=True),
    Column("file", Bytes, primary_key=True),
    Column("entry", Number, nullable=False),
    Index("graph_part_file", "file"),
    sqlite_with_rowid=False,
)

# Claim files all of whose lines are in the ledger: their names, times of change and sizes.
claim = Table(
    "graph_claim",
    GRAPH,
    Column("file", Words, primary_key=True),
    Column("changed", Count, nullable=False),
    Column("size", Count, nullable=False),
)

# Promotions and exceptions: where bytes went.
word = Table(
    "graph_word",
    GRAPH,
    Column("entry", Number, primary_key=True, autoincrement=False),
    Column("digest", Bytes, nullable=False),
    Index("graph_word_digest", "digest"),
)
