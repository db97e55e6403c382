"""The edges of small notebooks, exactly: out-of-order cells, functions, scopes, mutation, aliases, magics, files, and where nothing can be known."""

from __future__ import annotations

import pytest

from tests.dataflow.small import BOTH, Small

NOTEBOOKS = [
    Small(
        "two models of two data sets",
        [BOTH, "m = LogisticRegression().fit(a, a.y)\nn = LogisticRegression().fit(b, b.y)", "joblib.dump(m, 'out/m.joblib')\njoblib.dump(n, 'out/n.joblib')"],
        {"m": "a", "n": "b"},
    ),
    Small("a data set that is only looked at", [BOTH, "print(b.describe())\nb.head()", "a.to_csv('out/m.csv')"], {"m": "a"}),
    Small("a merge", [BOTH, "c = a.merge(b, on='k')", "c.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a name that is bound anew", [BOTH, "x = a", "x = b", "x.to_csv('out/m.csv')"], {"m": "b"}),
    Small(
        "a cell that runs again with another source",
        ["x = pd.read_csv('data/a.csv')", "y = x * 2", "x = pd.read_csv('data/b.csv')", "y.to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small(
        "a cell below that ran before",
        ["y = pd.read_csv('data/a.csv')", "z = y + 1", "y = pd.read_csv('data/b.csv')", "z = y + 1", "z.to_csv('out/m.csv')"],
        {"m": "b"},
    ),
    Small("the same output written twice", [BOTH, "a.to_csv('out/m.csv')", "b.to_csv('out/m.csv')"], {"m": "b"}),
    Small("del", [BOTH, "x = a\ndel x\nx = b", "x.to_csv('out/m.csv')"], {"m": "b"}),
    Small("augmented assignment", [BOTH, "x = a.sum()\nx += b.sum()", "pd.DataFrame(x).to_csv('out/m.csv')"], {"m": "ab"}),
    Small("unpacking takes from everything", [BOTH, "x, y = a.copy(), b.copy()", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("swapped names", [BOTH, "c = a\na = b\nb = c", "a.to_csv('out/m.csv')\nb.to_csv('out/n.csv')"], {"m": "b", "n": "a"}),
    Small("walrus", [BOTH, "if (n := len(a)) > 1: pass", "pd.Series([n]).to_csv('out/m.csv')"], {"m": "a"}),
    # changes in place
    Small("a column is set", [BOTH, "a['z'] = b['z']", "a.to_csv('out/m.csv')\nb.to_csv('out/n.csv')"], {"m": "ab", "n": "b"}),
    Small("loc is set", [BOTH, "a.loc[a.x > 1, 'z'] = b['z']", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("an attribute is set", [BOTH, "a.columns = b.columns", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("inplace", [BOTH, "a.fillna(b.mean(), inplace=True)", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "inplace through a helper's keyword",
        [BOTH, "def fill(f, w, **k):\n    f.fillna(w, **k)", "fill(a, b.mean(), inplace=True)", "a.to_csv('out/m.csv')"],
        {"m": "ab"},
    ),
    Small("inplace drop keeps apart", [BOTH, "a.drop(columns=['x'], inplace=True)", "a.to_csv('out/m.csv')"], {"m": "a"}),
    Small("update", [BOTH, "a.update(b)", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("insert", [BOTH, "a.insert(0, 'z', b.z)", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("fit changes the receiver", [BOTH, "m = LogisticRegression()", "m.fit(a, a.y)", "joblib.dump(m, 'out/m.joblib')"], {"m": "a"}),
    Small(
        "partial fit",
        [
            BOTH,
            "from sklearn.linear_model import SGDClassifier\nm = SGDClassifier()",
            "m.partial_fit(a, a.y)",
            "m.partial_fit(b, b.y)",
            "joblib.dump(m, 'out/m.joblib')",
        ],
        {"m": "ab"},
    ),
    Small(
        "score leaves the model as it is", [BOTH, "m = LogisticRegression().fit(a, a.y)\nprint(m.score(b, b.y))", "joblib.dump(m, 'out/m.joblib')"], {"m": "a"}
    ),
    Small(
        "a scaler that was fitted on the other data",
        [
            BOTH,
            "from sklearn.preprocessing import StandardScaler\ns = StandardScaler().fit(b)\nx = s.transform(a)",
            "joblib.dump(LogisticRegression().fit(x, a.y), 'out/m.joblib')",
        ],
        {"m": "ab"},
    ),
    Small(
        "a pipeline's step",
        [BOTH, "from sklearn.pipeline import Pipeline\nlr = LogisticRegression()\np = Pipeline([('m', lr)])\np.fit(a, a.y)", "joblib.dump(lr, 'out/m.joblib')"],
        {"m": "a"},
    ),
    Small("append to a list", [BOTH, "xs = []\nxs.append(a)", "xs.append(b)", "pd.concat(xs).to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a dict of frames", [BOTH, "d = {}\nd['a'] = a", "e = {'b': b}", "d['a'].to_csv('out/m.csv')\ne['b'].to_csv('out/n.csv')"], {"m": "a", "n": "b"}),
    Small("a frame in a dict is changed", [BOTH, "d = {'a': a}", "d['a']['z'] = b.z", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a frame out of a dict is changed", [BOTH, "d = {'a': a}", "d.get('a')['z'] = b.z", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("numpy view", [BOTH, "v = a.to_numpy()[1:]\nv[0] = b.to_numpy()[0]", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("numpy out", [BOTH, "x = np.zeros(3)\nnp.add(a.x, b.x, out=x)", "pd.Series(x).to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "shuffle with a seed from the data",
        [BOTH, "import random\nrandom.seed(len(b))\nx = random.sample(list(a.x), 2)", "pd.Series(x).to_csv('out/m.csv')"],
        {"m": "ab"},
    ),
    Small("setattr", [BOTH, "class Box: pass\nx = Box()\nsetattr(x, 'f', a)", "x.f.to_csv('out/m.csv')"], {"m": "a"}),
    # aliases
    Small("asarray gives the array itself", [BOTH, "v = a.x.to_numpy()\nw = np.asarray(v)\nw[0] = b.x[0]", "pd.Series(v).to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "a frame shares an array's memory",
        [BOTH, "v = np.zeros((2, 2))\nf = pd.DataFrame(v)\nf[f < 1] = b.x[0]", "pd.DataFrame(v).to_csv('out/m.csv')"],
        {"m": "b"},
    ),
    Small("an alias is changed", [BOTH, "c = a\nc['z'] = b.z", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a copy is changed", [BOTH, "c = a.copy()\nc['z'] = b.z", "a.to_csv('out/m.csv')"], {"m": "a"}),
    Small("a loop's variable is an alias", [BOTH, "for f in (a,):\n    f['z'] = b.z", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("the last value of a cell", [BOTH, "a.describe()", "_.to_csv('out/m.csv')"], {"m": "a"}),
    # control
    Small("what decides flows in", [BOTH, "x = a\nif len(b) > 3:\n    x = a.head()", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("either branch", [BOTH, "flag = True", "if flag:\n    x = a\nelse:\n    x = b", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("while", [BOTH, "n = 0\nwhile n < len(b):\n    n += 1", "a.assign(n=n).to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "carried round a loop",
        [BOTH, "x = y = z = 0\nfor _i in range(5):\n    z = y\n    y = x\n    x = a.sum()", "pd.Series(z).to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small(
        "the best of several",
        [
            BOTH,
            "best = None\nfor c in (1, 2):\n    m = LogisticRegression(C=c).fit(a, a.y)\n    if best is None or m.score(b, b.y) > 1:\n        best = m",
            "joblib.dump(best, 'out/m.joblib')",
        ],
        {"m": "ab"},
    ),
    Small("break", [BOTH, "for i in range(9):\n    if i > len(b):\n        break\n    x = a.head(i)", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("an exception's handler", [BOTH, "try:\n    x = a.copy()\n    x.loc[0]\nexcept KeyError:\n    x = b", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("finally", [BOTH, "try:\n    pass\nfinally:\n    x = a", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small("match", [BOTH, "match {'f': a}:\n    case {'f': f}:\n        x = f", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small("with", [BOTH, "with pd.option_context('display.width', 10):\n    x = a", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "a cell that failed may have stopped anywhere", [BOTH, "x = a", "x = b\nraise ValueError", "x.to_csv('out/m.csv')"], {"m": "ab"}, failed=frozenset({3})
    ),
    # functions and classes
    Small(
        "a function twice",
        [
            "def f(p):\n    d = pd.read_csv(p)\n    return d.dropna()",
            "x = f('data/a.csv')",
            "y = f('data/b.csv')",
            "x.to_csv('out/m.csv')\ny.to_csv('out/n.csv')",
        ],
        {"m": "a", "n": "b"},
    ),
    Small(
        "a function twice in one cell",
        ["def f(p):\n    d = pd.read_csv(p)\n    return d.dropna()", "x = f('data/a.csv')\ny = f('data/b.csv')", "x.to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small(
        "a function that reads a global when it is called",
        [BOTH, "def f():\n    return g.copy()", "g = a", "x = f()", "g = b", "x.to_csv('out/m.csv')\nf().to_csv('out/n.csv')"],
        {"m": "a", "n": "b"},
    ),
    Small("global", [BOTH, "def f():\n    global x\n    x = a", "f()", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "nonlocal",
        [BOTH, "def f():\n    n = b\n    def g():\n        nonlocal n\n        n = a\n    g()\n    return n", "f().to_csv('out/m.csv')"],
        {"m": "ab"},
    ),
    Small("a closure", [BOTH, "def make(f):\n    return lambda: f.copy()\ng = make(a)\nh = make(b)", "g().to_csv('out/m.csv')"], {"m": "a"}),
    Small("a function changes its argument", [BOTH, "def add(f, o):\n    f['z'] = o.z", "add(a, b)", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a chain of functions", [BOTH, "def f(d): return g(d)\ndef g(d): return h(d)\ndef h(d): return d + b.x", "f(a).to_csv('out/m.csv')"], {"m": "ab"}),
    Small("recursion", [BOTH, "def f(n, d):\n    if n == 0:\n        return d\n    return f(n - 1, d + b.x)", "f(3, a).to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a default is taken when the function is made", [BOTH, "g = a\ndef f(d=g):\n    return d.copy()\ng = b", "f().to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "a default that is changed",
        [BOTH, "def f(x, seen=[]):\n    seen.append(x)\n    return seen", "f(a)", "pd.concat(f(b)).to_csv('out/m.csv')"],
        {"m": "ab"},
    ),
    Small("star arguments", [BOTH, "def f(*args, **more):\n    return args[0]", "f(a, z=b).to_csv('out/m.csv')"], {"m": "a"}),
    Small("apply calls a function", [BOTH, "x = a.x.apply(lambda v: v + b.x.max())", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "a decorator that remembers",
        ["from functools import lru_cache\n@lru_cache\ndef f():\n    return pd.read_csv('data/a.csv')", "x = f()", "y = f()", "y.to_csv('out/m.csv')"],
        {"m": "a"},
        reads={1: "", 2: "a"},
    ),
    Small("a generator runs later", [BOTH, "g = a\ndef gen():\n    yield g.copy()\nit = gen()", "g = b", "next(it).to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "a class with state",
        [
            BOTH,
            "class T:\n    def __init__(self, d):\n        self.d = d\n    def out(self):\n        return self.d * 2\ns, = [T(a)]",
            "u = T(b)",
            "s.out().to_csv('out/m.csv')\nu.out().to_csv('out/n.csv')",
        ],
        {"m": "a", "n": "b"},
    ),
    Small(
        "a class's own attribute is shared",
        [BOTH, "class T:\n    seen = []\n    def see(self, d):\n        self.seen.append(d)", "T().see(a)", "pd.concat(T().seen).to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small("a property", [BOTH, "class T:\n    @property\n    def f(self):\n        return a.copy()\nt = T()", "t.f.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "an own transformer in a pipeline",
        [
            BOTH,
            "from sklearn.base import BaseEstimator\nclass T(BaseEstimator):\n    def fit(self, X, y=None): return self\n    def transform(self, X): return X + b.x.mean()\nfrom sklearn.pipeline import make_pipeline\np = make_pipeline(T(), LogisticRegression()).fit(a, a.y)",
            "joblib.dump(p, 'out/m.joblib')",
        ],
        {"m": "ab"},
    ),
    Small("inheritance", [BOTH, "class P:\n    def get(self): return a\nclass Q(P):\n    pass", "Q().get().to_csv('out/m.csv')"], {"m": "a"}),
    Small("async", [BOTH, "async def f(d):\n    return d + 1", "x = await f(a)", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "a bound method that is called later",
        [
            BOTH,
            "class T:\n    def __init__(self): self.seen = []\n    def see(self, d): self.seen.append(d)\nt = T()\nf = t.see",
            "f(a)",
            "pd.concat(t.seen).to_csv('out/m.csv')",
        ],
        {"m": "a"},
    ),
    Small(
        "static and class methods",
        [
            BOTH,
            "class T:\n    @staticmethod\n    def s(d): return d.copy()\n    @classmethod\n    def c(cls, d): return d.copy()",
            "T.s(a).to_csv('out/m.csv')\nT().s(a).to_csv('out/n.csv')\nT.c(b).to_csv('out/o.csv')\nT().c(b).to_csv('out/p.csv')",
        ],
        {"m": "a", "n": "a", "o": "b", "p": "b"},
    ),
    Small(
        "a method that is called through its class",
        [BOTH, "class T:\n    def see(self, d): self.d = d\nt = T()\nT.see(t, a)", "t.d.to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small(
        "super",
        [
            BOTH,
            "class P:\n    def __init__(self, d): self.d = d\nclass Q(P):\n    def __init__(self, d):\n        super().__init__(d)\nt = Q(a)",
            "t.d.to_csv('out/m.csv')",
        ],
        {"m": "a"},
    ),
    Small("a dataclass", [BOTH, "from dataclasses import dataclass\n@dataclass\nclass T:\n    d: object\nt = T(a)", "t.d.to_csv('out/m.csv')"], {"m": "a"}),
    Small("an operator of a class", [BOTH, "class T:\n    def __add__(self, o): return b.copy()\nx = T() + 1", "x.to_csv('out/m.csv')"], {"m": "b"}),
    Small(
        "an object of a class that is called", [BOTH, "class T:\n    def __call__(self, d): return d + b.x\nx = T()(a)", "x.to_csv('out/m.csv')"], {"m": "ab"}
    ),
    Small("functions in a list", [BOTH, "fs = [lambda d: d.copy(), lambda d: d + b.x]\nx = fs[0](a)", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("map asks later", [BOTH, "g = a\nm = map(lambda v: v + g.x, [1])", "g = b", "pd.concat(m).to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "a class says how it is set",
        [BOTH, "seen = []\nclass T:\n    def __setattr__(self, n, v): seen.append(v)\nt = T()\nt.x = a", "pd.concat(seen).to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small(
        "a property says how it is set",
        [
            BOTH,
            "seen = []\nclass T:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): seen.append(v)\nt = T()\nt.x = a",
            "pd.concat(seen).to_csv('out/m.csv')",
        ],
        {"m": "a"},
    ),
    Small("a figure of pandas", [BOTH, "import matplotlib.pyplot as plt\na.plot.scatter(x='x', y='y')\nplt.savefig('out/m.png')", "a.hist()"], {"m": "a"}),
    Small("a default that is given back is the thing itself", [BOTH, "d = {}\nx = d.get('no', a)", "x['z'] = b.z", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "what a function gives back through pipe is the thing itself", [BOTH, "x = b.pipe(lambda p: a)", "x['z'] = b.z", "a.to_csv('out/m.csv')"], {"m": "ab"}
    ),
    # comprehensions
    Small("a comprehension's variable is its own", [BOTH, "x = a\ny = [x for x in (b.copy(),)]", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small("a comprehension's condition", [BOTH, "y = [v for v in a.x if v in set(b.x)]", "pd.Series(y).to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a dict of a comprehension", [BOTH, "d = {k: a[k].sum() for k in b.columns}", "pd.Series(d).to_csv('out/m.csv')"], {"m": "ab"}),
    Small("a generator expression", [BOTH, "s = sum(v for v in a.x)", "pd.Series([s]).to_csv('out/m.csv')"], {"m": "a"}),
    # magics
    Small(
        "a load and a save by magics",
        ["x = %mlsc_load data/a.csv\n%mlsc_load data/b.csv --to y", "%mlsc_save x out/m.csv\n%mlsc_save y out/n.csv"],
        {"m": "a", "n": "b"},
    ),
    Small("time", [BOTH, "%time x = a * 2", "%%time\nx.to_csv('out/m.csv')"], {"m": "a"}),
    Small("capture", [BOTH, "%%capture\nx = a", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "harmless magics and questions", ["%matplotlib inline\n%load_ext autoreload\n!pip install x\npd.read_csv?", BOTH, "a.to_csv('out/m.csv')"], {"m": "a"}
    ),
    Small("a shell's line leaves variables alone", [BOTH, "!python train.py", "a.to_csv('out/m.csv')"], {"m": "a"}),
    Small("what a shell prints", [BOTH, "x = !sort data/c.txt", "pd.Series(x).to_csv('out/m.csv')"], {"m": "ab"}),
    Small("what a shell wrote", [BOTH, "!python prepare.py > tmp.txt", "x = pd.read_csv('tmp.txt')", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small("what a shell writes is from anything", [BOTH, "!python train.py --to out/m.csv"], {"m": "ab?"}),
    # files
    Small("a file of no rule", [BOTH, "a.to_parquet('tmp.parquet')", "x = pd.read_parquet('tmp.parquet')", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "a file that an open handle wrote",
        [BOTH, "with open('tmp.json', 'w') as f:\n    json.dump(a.to_dict(), f)", "x = json.load(open('tmp.json'))", "pd.DataFrame(x).to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small("a file that is written anew", [BOTH, "a.to_csv('tmp.csv')", "b.to_csv('tmp.csv')", "pd.read_csv('tmp.csv').to_csv('out/m.csv')"], {"m": "b"}),
    Small(
        "a path that is put together",
        ["D = Path('data')\nx = pd.read_csv(D / 'a.csv')\ny = pd.read_csv(os.path.join('data', 'b.csv'))", "x.to_csv('out/m.csv')\ny.to_csv('out/n.csv')"],
        {"m": "a", "n": "b"},
        reads={1: "ab"},
    ),
    Small("a path in an f-string", ["name = 'a'\nx = pd.read_csv(f'data/{name}.csv')", "x.to_csv('out/m.csv')"], {"m": "a"}, reads={1: "a"}),
    Small(
        "a path that is not known",
        ["import sys\np, q = sys.argv[1], 'data/b.csv'\nx = pd.read_csv(p)\ny = pd.read_csv('data/b.csv')", "x.to_csv('out/m.csv')\ny.to_csv('out/n.csv')"],
        {"m": "ab", "n": "b"},
        reads={1: "ab"},
    ),
    Small(
        "pathlib reads and writes",
        ["Path('t.txt').write_text(Path('data/a.csv').read_text())", "x = Path('t.txt').read_text()", "Path('out/m.txt').write_text(x)"],
        {"m": "a"},
    ),
    Small("shutil copies", ["import shutil\nshutil.copy('data/a.csv', 'tmp.csv')", "x = pd.read_csv('tmp.csv')\nx.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "a database",
        [BOTH, "import sqlite3\nc = sqlite3.connect('x.db')\na.to_sql('t', c)", "x = pd.read_sql('select * from t', c)", "x.to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small("a query names variables", [BOTH, "import duckdb\nx = duckdb.sql('select * from a').df()", "x.to_csv('out/m.csv')"], {"m": "a"}),
    Small("a query of pandas names variables", [BOTH, "n = b.x.max()\nx = a.query('x > @n')", "x.to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "a figure",
        [
            BOTH,
            "import matplotlib.pyplot as plt\nplt.figure()\nplt.plot(a.x)\nplt.savefig('out/m.png')",
            "plt.figure()\nplt.plot(b.x)\nplt.savefig('out/n.png')",
        ],
        {"m": "a", "n": "b"},
    ),
    Small(
        "seaborn draws on the figure that is there",
        [BOTH, "import matplotlib.pyplot as plt, seaborn as sns\nsns.histplot(a)\nplt.savefig('out/m.png')"],
        {"m": "a"},
    ),
    # what is not known
    Small("an unknown function may change what it gets", [BOTH, "import lib", "lib.work(a, b)", "a.to_csv('out/m.csv')"], {"m": "ab"}),
    Small(
        "an unknown library keeps what it is told",
        [BOTH, "import lib, other", "lib.register(a)", "x = other.make()", "pd.DataFrame(x).to_csv('out/m.csv')"],
        {"m": "a"},
    ),
    Small("an unknown library that is told nothing", [BOTH, "import lib", "lib.setup()", "a.to_csv('out/m.csv')"], {"m": "a"}),
    Small(
        "a callback that somebody keeps",
        [BOTH, "import lib\nx = a\ndef on():\n    global x\n    x = b\nlib.register(on)", "1", "x.to_csv('out/m.csv')"],
        {"m": "ab"},
    ),
    Small(
        "a star import", ["from lib import *\nimport pandas as pd", BOTH, "x = make(a)", "x.to_csv('out/m.csv')", "b.to_csv('out/n.csv')"], {"m": "a", "n": "b"}
    ),
    Small("a star import of a known library", ["from numpy import *", BOTH, "x = log(a.x)", "pd.Series(x).to_csv('out/m.csv')"], {"m": "a"}),
    Small("exec", [BOTH, "exec('c = b')", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("eval in a function that is never called", [BOTH, "def f(t): return eval(t)", "a.to_csv('out/m.csv')"], {"m": "a"}),
    Small("eval in a function that is called", [BOTH, "def f(t): return eval(t)\nf('1')", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("eval under another name", [BOTH, "e = eval", "e('1')", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("globals", [BOTH, "globals()['x'] = b", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("locals", [BOTH, "locals()['x'] = b", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("get_ipython", [BOTH, "get_ipython().run_cell('x = b')", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("run", [BOTH, "%run prepare.py", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("store", [BOTH, "%store -r x", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("a magic that nobody lists", [BOTH, "%%strange\nx = 1", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("ctypes", [BOTH, "import ctypes\nctypes.memmove(1, 2, 3)", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("sys.modules", [BOTH, "import sys\nsys.modules['__main__'].x = b", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("what was written before stays exact", [BOTH, "a.to_csv('out/m.csv')", "exec('1')", "a.to_csv('out/n.csv')"], {"m": "a", "n": "ab?"}),
    Small("a cell that is no Python", [BOTH, "this is no python at all", "a.to_csv('out/m.csv')"], {"m": "ab?"}),
    Small("a read that no statement explains", ["x = 1", "a = pd.read_csv('data/a.csv')", "a.to_csv('out/m.csv')"], {"m": "ab?"}, reads={1: "b"}),
    Small("an output that no statement explains", [BOTH, "x = a.sum()"], {"m": "ab?"}, writes={2: ["out/m.csv"]}),
]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda each: each.title)
def test_the_edges_are_exactly_these(notebook: Small) -> None:
    assert notebook.found() == notebook.expected


def test_no_two_notebooks_have_one_title() -> None:
    assert len({each.title for each in NOTEBOOKS}) == len(NOTEBOOKS) >= 60
