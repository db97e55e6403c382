"""No true dependency is missing: random programs over data frames really run, each data set is changed in turn, and what changes is a dependency.

This asks nothing of pandas but to run: whatever makes an output differ, be it a view, an alias, a closure or a branch, reached it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlsc.dataflow import Execution, ReadAt, WriteAt, summarize, trace

DATA = ("a", "b", "c")
FRAMES = ("f", "g", "h", "k")
PRELUDE = """
import pandas as pd
import numpy as np
import copy
f = pd.read_csv('data/a.csv')
g = pd.read_csv('data/b.csv')
h = pd.read_csv('data/c.csv')
k = h.copy()
xs = [f]
d = {'one': g}
def fn(p, q):
    return p + q
class Box:
    kept = []
    def __init__(self, frame):
        self.frame = frame
    def mix(self, other):
        self.frame['x'] = other['y']
        return self
    def get(self):
        return self.frame
box = Box(k.copy())
it = iter([k.copy()])
def noted(p, seen={}):
    old = seen.get('last', p)
    seen['last'] = p
    return old
""".strip()

STATEMENTS = """
V = pd.read_csv('data/D.csv')
V = W
V = W.copy()
V = W + U
V = W * 2
V = W.abs().round(3)
V = copy.copy(W)
V = copy.deepcopy(W)
V['x'] = W['y']
V.x = W.y
V.loc[1, 'x'] = W['y'].sum()
V.iloc[0, 1] = len(W) + W['x'].max()
V.values[0, 0] = W['x'].sum()
V['x'].iloc[1:].array[0] if len(V) > 1 else W['y'].sum()
V[['x', 'y']].to_numpy()[0] = W['y'].to_numpy()[0]
V.update(W)
V += W
V = V - W
V['x'] += W['y']
V.fillna(W['x'].mean(), inplace=True)
V.clip(upper=W['x'].abs().max(), inplace=True)
V.drop(index=V.index[V['x'] > W['x'].max()], inplace=True)
V = W.where(W['x'] > U['x'].mean(), other=0)
V = W.assign(x=U['y'])
V = W.query('x > -1e9')
V = pd.concat([W, U]).groupby(level=0).sum()
V = W.merge(U, left_index=True, right_index=True)[['x_x', 'y_y']].set_axis(['x', 'y'], axis=1)
V = W.sort_values('x').reset_index(drop=True)
V = pd.DataFrame({'x': W['x'], 'y': U['y']})
V = pd.DataFrame(W.to_numpy(), columns=['x', 'y'])
V = W.apply(lambda c: c + U['x'].sum())
V = W.pipe(lambda p: p + U)
V, W = W, V
V = (W, U)[0]
xs.append(V)
xs = [V, W]
xs[0]['x'] = V['y']
xs[-1] = V
V = xs[-1]
V = xs.pop() if len(xs) > 1 else V
for q in xs: q['y'] = V['x']
for q in (W, U): V = V + q
V = sum(xs, W)
xs = [q + V for q in xs]
xs = xs + [V]
xs = list(map(lambda q: q * 1, xs))
d['one'] = V
d['two'] = V
V = d['one']
V = d.get('two', V)
d['one']['y'] = V['x']
d.update(three=V)
d = {**d, 'one': V.copy()}
V = next(iter(d.values()))
V = fn(W, U)
V = fn(fn(V, W), U)
fn = lambda p, q: p + q + V
box = Box(V)
box.mix(V)
V = box.get()
V = box.frame
box.frame = V
box.get()['x'] = V['y']
see = box.mix
V = see(W).get() if 'see' in globals_of else V
Box.kept.append(V)
V = Box.kept[-1] if Box.kept else V
V = noted(W)
it = (q + V for q in [W])
V = next(it, V)
V = V if len(V) > 2 else W
del V; V = W.copy()
V.to_csv('tmp_T.csv', index=False)
V = pd.read_csv('tmp_T.csv') if have('tmp_T.csv') else V
V = pd.DataFrame([[n := W['x'].sum(), n]] * 4, columns=['x', 'y'])
V.columns = list(W.columns)
setattr(V, 'x', W['y'])
V = getattr(box, 'frame')
V = [W, U][int(W['x'].sum() > U['x'].sum())]
V = max([W, U], key=lambda q: q['x'].sum())
""".strip().splitlines()
# What these would need is no part of the language under test.
STATEMENTS = [each for each in STATEMENTS if "globals_of" not in each and "have(" not in each] + [
    "import os\nif os.path.exists('tmp_T.csv'):\n    V = pd.read_csv('tmp_T.csv')",
    "with open('note_T.txt', 'w') as note:\n    note.write(str(V['x'].sum()))",
    "import os\nif os.path.exists('note_T.txt'):\n    V['y'] = float(open('note_T.txt').read())",
    "if W['x'].sum() > U['y'].sum():\n    V = U\nelse:\n    V['x'] = 1.0",
    "turn = 0\nwhile turn < 3 and V['x'].sum() < W['x'].sum():\n    V, turn = V + 1, turn + 1",
    "try:\n    V = W['nothing']\nexcept KeyError:\n    V = U.copy()",
    "for i in range(3):\n    if i > W['x'].sum():\n        break\n    V = V + 1",
    "match len(V):\n    case 4:\n        V = W\n    case n:\n        V['x'] = n",
    "def fn(p, q):\n    p['x'] = q['y'] + V['x'].sum()\n    return p",
    "def fn(p, q):\n    global V\n    V = p + q\n    return W",
    "def fn(p, q=W):\n    def inner():\n        return p + V\n    return inner()",
    "def fn(p, q):\n    for r in (p, q):\n        yield_to = r\n    return yield_to",
    "def make(p):\n    total = p.copy()\n    def add(q):\n        nonlocal total\n        total = total + q\n        return total\n    return add\nadd = make(V)\nW = add(U)",
    "class Box(Box):\n    def get(self):\n        return super().get() + V",
    "class Box(Box):\n    def get(self, more=None):\n        return self.frame if more is None else more\n    @property\n    def frame2(self):\n        return V",
    "def gen(p):\n    for r in (p, V):\n        yield r\nit = gen(W)",
    "V = next(gen(U), V) if 0 else V + sum(W['x'])",
    "rows = {c: [v for v in W[c] if v > U[c].mean()] for c in W.columns}\nV['y'] = len(rows['x'])",
    "(V if len(W) > 3 else U)['x'] = W['y']",
    "V = W\nV['x'] = U['y']",
    "arr = V.to_numpy()\narr[0, 0] = W['x'].sum()",
    "np.add(V['x'].to_numpy(), W['y'].to_numpy(), out=(out := np.zeros(len(V))) if len(V) == len(W) else None)\nV['x'] = out",
    "from functools import reduce\nV = reduce(lambda p, q: p + q, [W, U])",
    "from functools import partial\nV = partial(fn, W)(U)",
]


def program(seed: int) -> list[str]:
    """Cells of statements; some run again, in another order."""
    chance = random.Random(seed)
    cells = []
    for _ in range(chance.randint(2, 6)):
        lines = []
        for _ in range(chance.randint(1, 4)):
            v, w, u = (chance.choice(FRAMES) for _ in range(3))
            line = chance.choice(STATEMENTS)
            for mark, name in (("V", v), ("W", w), ("U", u), ("D", chance.choice(DATA)), ("T", chance.choice("12"))):
                line = _replaced(line, mark, name)
            lines.append(line)
        cells.append("\n".join(lines))
    order = [PRELUDE, *cells, *(chance.choice(cells) for _ in range(chance.randint(0, 3)))]
    return [*order, "\n".join(f"{name}.to_csv('out/{name}.csv')" for name in FRAMES)]


def _replaced(line: str, mark: str, name: str) -> str:
    out = []
    for place, character in enumerate(line):
        before, after = line[place - 1 : place], line[place + 1 : place + 2]
        alone = not (before.isalnum() or (before == "_" and mark not in "T")) and not (after.isalnum() or after == "_")
        out.append(name if character == mark and alone else character)
    return "".join(out)


@dataclass
class Ran:
    """What happened when a program ran: reads and writes by cell, what was written, which cells failed."""

    reads: list[ReadAt] = field(default_factory=list)
    writes: dict[str, str] = field(default_factory=dict)
    failed: list[int] = field(default_factory=list)


@contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run(cells: list[str], folder: Path, changed: str | None, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Run the cells as a kernel does, in one namespace; ``changed`` is the data set that holds other numbers."""
    for each in folder.glob("*_?.*"):
        each.unlink()
    for name in ("data", "out"):
        (folder / name).mkdir(exist_ok=True)
    for place, name in enumerate(DATA):
        base = 10.0 * (place + 1) if name != changed else 1000.0 * (place + 3)
        rows = "".join(f"{base + row * 1.5},{base * 2 - row * 3}\n" for row in range(4))
        (folder / "data" / f"{name}.csv").write_text("x,y\n" + rows)
    ran, here = Ran(), 0
    really = pd.read_csv

    def read_csv(path: Any, *args: Any, **more: Any) -> Any:
        if str(path).startswith("data/") and ReadAt(here, str(path)) not in ran.reads:
            ran.reads.append(ReadAt(here, str(path)))
        return really(path, *args, **more)

    namespace: dict[str, Any] = {"__name__": "__main__"}
    with monkeypatch.context() as patched, _in(folder):
        patched.setattr(pd, "read_csv", read_csv)
        for here, cell in enumerate(cells):
            try:
                exec(compile(cell, f"<cell {here}>", "exec"), namespace)
            except Exception:  # noqa: BLE001  # a cell of a notebook may fail with anything
                ran.failed.append(here)
        ran.writes = {name: (folder / "out" / f"{name}.csv").read_text() for name in FRAMES if (folder / "out" / f"{name}.csv").exists()}
    for each in (folder / "out").glob("*"):
        each.unlink()
    return ran


def missing(cells: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int, int]:
    """True dependencies that the edges lack, and how many true ones and edges there are."""
    plain = run(cells, folder, None, monkeypatch)
    last = len(cells) - 1
    if last in plain.failed:
        return [], 0, 0  # a frame that became something else has no output
    executions = [Execution(summarize(cell), place in plain.failed) for place, cell in enumerate(cells)]
    edges = {e.write.name[4]: e for e in trace(executions, plain.reads, [WriteAt(last, f"out/{name}.csv") for name in FRAMES])}
    assert all(each.precise for each in edges.values()), {each.why for each in edges.values()}
    lacking, true = [], 0
    for name in DATA:
        other = run(cells, folder, name, monkeypatch)
        if other.failed != plain.failed:
            continue  # whether a cell fails is no value: docs/lineage.md
        for output in FRAMES:
            if plain.writes[output] != other.writes[output]:
                true += 1
                if not any(each.name == f"data/{name}.csv" for each in edges[output].reads):
                    lacking.append(f"data/{name}.csv -> {output}")
    return lacking, true, sum(len({r.name for r in each.reads}) for each in edges.values())


@pytest.mark.filterwarnings("ignore")  # pandas tells of ways to write that people still use
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_no_true_dependency_is_missing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = program(seed)
    lacking, _, _ = missing(cells, tmp_path, monkeypatch)
    assert not lacking, "\n# next cell\n".join(cells)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_of_the_programs_runs_and_is_understood(statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = statement
    for mark, name in (("V", "f"), ("W", "g"), ("U", "h"), ("D", "b"), ("T", "1")):
        line = _replaced(line, mark, name)
    writer = "f.to_csv('tmp_1.csv', index=False)\nopen('note_1.txt', 'w').write('3')\ndef gen(p): yield p"
    cells = [PRELUDE, writer, line, "\n".join(f"{name}.to_csv('out/{name}.csv')" for name in FRAMES)]
    assert not run(cells, tmp_path, None, monkeypatch).failed
    lacking, true, _ = missing(cells, tmp_path, monkeypatch)
    assert not lacking, line
    assert true >= 3
