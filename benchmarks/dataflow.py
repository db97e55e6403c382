"""What cell-precise lineage costs for a notebook of 500 cells: ``python benchmarks/dataflow.py``."""

from __future__ import annotations

import itertools
import statistics
import time

import msgspec

from jupyter_mlsc.dataflow import Execution, ReadAt, Tracer, WriteAt, summarize, to_record

CELLS = 500
SETUP = """import pandas as pd
import joblib
from sklearn.linear_model import LogisticRegression
def clean(frame, columns):
    out = frame.dropna().copy()
    for column in columns:
        out[column] = out[column].clip(lower=0)
    return out
class Scaler:
    def fit(self, frame):
        self.mean = frame.mean()
        return self
    def transform(self, frame):
        return frame - self.mean"""
KINDS = (
    "frame_{n} = pd.read_csv('data/{n}.csv')\nframe_{n}.head()",
    "frame_{p} = clean(frame_{p}, ['x', 'z'])\nframe_{p}['ratio'] = frame_{p}['x'] / frame_{p}['z']",
    "scaler = Scaler().fit(frame_{p}[['x', 'z']])\nscaled_{p} = scaler.transform(frame_{p}[['x', 'z']])",
    "scores = {{}}\nfor c in (0.1, 1, 10):\n"
    "    model_{p} = LogisticRegression(C=c).fit(scaled_{p}, frame_{p}['y'])\n    scores[c] = model_{p}.score(scaled_{p}, frame_{p}['y'])\nscores",
    "joblib.dump(model_{p}, 'models/{p}.joblib')",
)


def main() -> None:
    cells = [SETUP]
    for place in range(CELLS - 1):
        n = place // len(KINDS)
        cells.append(KINDS[place % len(KINDS)].format(n=n, p=n))
    began = [time.perf_counter()]
    summaries = []
    for cell in cells:
        summaries.append(summarize(cell))
        began.append(time.perf_counter())
    each = [1e3 * (after - before) for before, after in itertools.pairwise(began)]
    print(f"summarising {CELLS} cells: {sum(each):.0f} ms; a cell {statistics.median(each):.2f} ms, the slowest {max(each):.2f} ms")
    sizes = [len(msgspec.json.encode(to_record(summary))) for summary in summaries]
    print(f"summaries: {statistics.median(sizes):.0f} bytes a cell, {sum(sizes) / 1024:.0f} KiB in all")
    tracer, follow, peek = Tracer(), [], []
    for place, summary in enumerate(summaries):
        reads = [ReadAt(place, f"data/{(place - 1) // len(KINDS)}.csv")] if place and (place - 1) % len(KINDS) == 0 else []
        writes = [WriteAt(place, f"models/{(place - 1) // len(KINDS)}.joblib")] if place and (place - 1) % len(KINDS) == len(KINDS) - 1 else []
        if writes:
            before = time.perf_counter()
            (edges,) = tracer.peek(Execution(summary), reads, writes)
            peek.append(1e3 * (time.perf_counter() - before))
            assert edges.precise, edges.why
            assert len(edges.reads) == 1, edges.reads
        before = time.perf_counter()
        tracer.follow(Execution(summary), reads, writes)
        follow.append(1e3 * (time.perf_counter() - before))
    print(f"following: {sum(follow):.0f} ms; a cell {statistics.median(follow):.2f} ms, the slowest {max(follow):.2f} ms")
    print(f"an output's edges: the first {peek[0]:.1f} ms, the last of {len(peek)} {peek[-1]:.1f} ms")


if __name__ == "__main__":
    main()
