"""One file for each foreign format: pure functions over measurements, statements and ledger entries."""

from __future__ import annotations
