"""Benchmarks, each beside its peer in one run: `make bench`, or `python -m benchmarks --full` for the sizes of the budgets."""
