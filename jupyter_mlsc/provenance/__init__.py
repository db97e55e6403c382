"""Where artifacts came from and where they went, as the statements of one project say: found by the ledger's index, read from the envelopes."""
