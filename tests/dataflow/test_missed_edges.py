"""Edges that are easily missed: each cell changes or makes something of ``b`` in a way that no name says. None may be missing, however imprecise it is."""

from __future__ import annotations

import pytest

from tests.dataflow.small import BOTH, Small

CASES = [
    ("query local", [BOTH, "k = b.x.mean()", "c = a.query('x > @k')", "c.to_csv('out/m.csv')"]),
    ("df.eval local", [BOTH, "k = b.x.mean()", "c = a.eval('z = x * @k')", "c.to_csv('out/m.csv')"]),
    ("pd.eval", [BOTH, "c = pd.eval('a.x + b.x')", "c.to_csv('out/m.csv')"]),
    ("numexpr", [BOTH, "import numexpr as ne\nu = a.x.values\nv = b.x.values\nc = ne.evaluate('u + v')", "np.savetxt('out/m.txt', c)"]),
    ("pipe", [BOTH, "c = a.pipe(lambda d, o: d + o, b)", "c.to_csv('out/m.csv')"]),
    ("pipe closure", [BOTH, "def f(d):\n    return d + b\nc = a.pipe(f)", "c.to_csv('out/m.csv')"]),
    ("isetitem", [BOTH, "a.isetitem(0, b.x)", "a.to_csv('out/m.csv')"]),
    ("setitem dunder", [BOTH, "a.__setitem__('z', b.x)", "a.to_csv('out/m.csv')"]),
    ("loc setitem dunder", [BOTH, "a.loc.__setitem__((0, 'z'), b.x)", "a.to_csv('out/m.csv')"]),
    ("at", [BOTH, "a.at[0, 'z'] = b.x.sum()", "a.to_csv('out/m.csv')"]),
    ("attrs", [BOTH, "a.attrs['z'] = b.x.sum()", "joblib.dump(a, 'out/m.joblib')"]),
    ("values", [BOTH, "a.values[0] = b.x.sum()", "a.to_csv('out/m.csv')"]),
    ("ufunc at", [BOTH, "u = a.x.values\nnp.add.at(u, 0, b.x.values)", "np.save('out/m.npy', u)"]),
    ("ufunc out", [BOTH, "u = a.x.values\nnp.add(u, b.x.values, out=u)", "np.save('out/m.npy', u)"]),
    ("ufunc out positional", [BOTH, "u = a.x.values\nnp.add(u, b.x.values, u)", "np.save('out/m.npy', u)"]),
    ("fill", [BOTH, "u = a.x.values\nu.fill(b.x.mean())", "np.save('out/m.npy', u)"]),
    ("put", [BOTH, "u = a.x.values\nu.put([0], b.x.values)", "np.save('out/m.npy', u)"]),
    ("itemset", [BOTH, "u = a.x.values\nu.itemset(0, b.x.mean())", "np.save('out/m.npy', u)"]),
    ("asarray", [BOTH, "u = a.x.values\nv = np.asarray(u)\nv[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("array nocopy", [BOTH, "u = a.x.values\nv = np.array(u, copy=False)\nv[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("astype nocopy", [BOTH, "u = a.x.values\nv = u.astype(float, copy=False)\nv[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("copy shallow df", [BOTH, "c = a.copy(deep=False)\nc.iloc[0, 0] = b.x.mean()", "a.to_csv('out/m.csv')"]),
    ("dict copy", [BOTH, "d = {'a': a}\ne = d.copy()\ne['a']['z'] = b.x", "a.to_csv('out/m.csv')"]),
    ("list copy", [BOTH, "d = [a]\ne = d.copy()\ne[0]['z'] = b.x", "a.to_csv('out/m.csv')"]),
    ("list slice", [BOTH, "d = [a]\ne = d[:]\ne[0]['z'] = b.x", "a.to_csv('out/m.csv')"]),
    ("frombuffer", [BOTH, "u = a.x.values\nv = np.frombuffer(u)\nv[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("nditer", [BOTH, "u = a.x.values\nfor e in np.nditer(u, op_flags=['readwrite']):\n    e[...] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("split views", [BOTH, "u = a.x.values\nfor p in np.split(u, 2):\n    p[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("array_split views", [BOTH, "u = a.x.values\nfor p in np.array_split(u, 2):\n    p[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("where out", [BOTH, "u = a.x.values\nnp.where(u > 1, b.x.values, u).tofile('out/m.bin')"]),
    ("ascontiguous", [BOTH, "u = a.x.values\nv = np.ascontiguousarray(u)\nv[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("as_strided", [BOTH, "u = a.x.values\nv = np.lib.stride_tricks.as_strided(u)\nv[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("shares Series", [BOTH, "u = a.x.values\nv = pd.Series(u)\nv[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("polars insert_column", [BOTH, "import polars as pl\np = pl.from_pandas(a)\np.insert_column(0, pl.from_pandas(b.x))", "p.write_csv('out/m.csv')"]),
    ("polars replace_column", [BOTH, "import polars as pl\np = pl.from_pandas(a)\np.replace_column(0, pl.from_pandas(b.x))", "p.write_csv('out/m.csv')"]),
    ("polars hstack", [BOTH, "import polars as pl\np = pl.from_pandas(a)\np.hstack([pl.from_pandas(b.x)], in_place=True)", "p.write_csv('out/m.csv')"]),
    ("polars scatter", [BOTH, "import polars as pl\np = pl.from_pandas(a.x)\np.scatter([0], pl.from_pandas(b.x))", "p.to_frame().write_csv('out/m.csv')"]),
    ("setdiag", [BOTH, "import scipy.sparse as sp\ns = sp.csr_matrix(a)\ns.setdiag(b.x)", "sp.save_npz('out/m.npz', s)"]),
    (
        "ode",
        [
            BOTH,
            "from scipy.integrate import ode\no = ode(lambda t, y: y)\no.set_initial_value(b.x.values)\no.set_f_params(a.x.values)",
            "np.save('out/m.npy', o.integrate(1))",
        ],
    ),
    ("set_params", [BOTH, "m = LogisticRegression()\nm.set_params(C=b.x.mean())", "joblib.dump(m, 'out/m.joblib')"]),
    (
        "xgb evals_result",
        [
            BOTH,
            "import xgboost as xgb\nr = {}\nxgb.train({}, xgb.DMatrix(a), evals=[(xgb.DMatrix(b), 'v')], evals_result=r)",
            "json.dump(r, open('out/m.json', 'w'))",
        ],
    ),
    (
        "lgb record",
        [
            BOTH,
            ("import lightgbm as lgb\nr = {}\nlgb.train({}, lgb.Dataset(a), valid_sets=[lgb.Dataset(b)], callbacks=[lgb.record_evaluation(r)])"),
            "json.dump(r, open('out/m.json', 'w'))",
        ],
    ),
    ("set_label", [BOTH, "import xgboost as xgb\nd = xgb.DMatrix(a)\nd.set_label(b.y)\nm = xgb.train({}, d)", "m.save_model('out/m.json')"]),
    ("torch add_", [BOTH, "import torch\nt = torch.tensor(a.x.values)\nt.add_(torch.tensor(b.x.values))", "torch.save(t, 'out/m.pt')"]),
    (
        "torch data copy_",
        [BOTH, "import torch\nm = torch.nn.Linear(1, 1)\nm.weight.data.copy_(torch.tensor(b.x.values))", "torch.save(m.state_dict(), 'out/m.pt')"],
    ),
    (
        "torch apply",
        [
            BOTH,
            ("import torch\nm = torch.nn.Linear(1, 1)\nref = torch.tensor(b.x.values)\ndef init(l):\n    l.weight.data = ref\nm.apply(init)"),
            "torch.save(m.state_dict(), 'out/m.pt')",
        ],
    ),
    (
        "torch scheduler",
        [
            BOTH,
            (
                "import torch\n"
                "m = torch.nn.Linear(1, 1)\n"
                "o = torch.optim.SGD(m.parameters(), 0.1)\n"
                "s = torch.optim.lr_scheduler.ReduceLROnPlateau(o)\n"
                "for i in range(3):\n"
                "    m(torch.tensor(a.values)).sum().backward()\n"
                "    o.step()\n"
                "    s.step(m(torch.tensor(b.values)).sum())"
            ),
            "torch.save(m.state_dict(), 'out/m.pt')",
        ],
    ),
    (
        "torch vector_to_parameters",
        [
            BOTH,
            "import torch\nm = torch.nn.Linear(1, 1)\ntorch.nn.utils.vector_to_parameters(torch.tensor(b.x.values), m.parameters())",
            "torch.save(m.state_dict(), 'out/m.pt')",
        ],
    ),
    (
        "torch update_bn",
        [BOTH, "import torch\nm = torch.nn.Linear(1, 1)\ntorch.optim.swa_utils.update_bn(torch.tensor(b.values), m)", "torch.save(m.state_dict(), 'out/m.pt')"],
    ),
    (
        "torch init constant_",
        [BOTH, "import torch\nm = torch.nn.Linear(1, 1)\ntorch.nn.init.constant_(m.weight, b.x.mean())", "torch.save(m.state_dict(), 'out/m.pt')"],
    ),
    (
        "torch register_buffer",
        [BOTH, "import torch\nm = torch.nn.Linear(1, 1)\nm.register_buffer('k', torch.tensor(b.x.values))", "torch.save(m.state_dict(), 'out/m.pt')"],
    ),
    ("torch from_numpy", [BOTH, "import torch\nu = a.x.values\nt = torch.from_numpy(u)\nt[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("torch out", [BOTH, "import torch\nt = torch.zeros(3)\ntorch.add(torch.tensor(b.x.values), 1, out=t)", "torch.save(t, 'out/m.pt')"]),
    (
        "torch hook",
        [
            BOTH,
            ("import torch\nm = torch.nn.Linear(1, 1)\nseen = []\nm.register_forward_hook(lambda mod, i, o: seen.append(o))\nm(torch.tensor(b.values))"),
            "torch.save(seen, 'out/m.pt')",
        ],
    ),
    (
        "optimizer groups",
        [
            BOTH,
            (
                "import torch\n"
                "m = torch.nn.Linear(1, 1)\n"
                "o = torch.optim.SGD(m.parameters(), 0.1)\n"
                "for g in o.param_groups:\n"
                "    g['lr'] = b.x.mean()\n"
                "m(torch.tensor(a.values)).sum().backward()\n"
                "o.step()"
            ),
            "torch.save(m.state_dict(), 'out/m.pt')",
        ],
    ),
    ("nx set attrs", [BOTH, "import networkx as nx\ng = nx.from_pandas_edgelist(a)\nnx.set_node_attributes(g, dict(b.x))", "joblib.dump(g, 'out/m.joblib')"]),
    ("nx add edges", [BOTH, "import networkx as nx\ng = nx.Graph()\ng.add_edges_from(b.values)", "joblib.dump(g, 'out/m.joblib')"]),
    ("counter subtract", [BOTH, "from collections import Counter\nc = Counter(a.x)\nc.subtract(b.x)", "json.dump(c, open('out/m.json', 'w'))"]),
    ("pack_into", [BOTH, "import struct\nbuf = bytearray(8)\nstruct.pack_into('d', buf, 0, b.x.mean())", "open('out/m.bin', 'wb').write(buf)"]),
    (
        "redirect",
        [
            BOTH,
            "import io, contextlib\ns = io.StringIO()\nwith contextlib.redirect_stdout(s):\n    print(b.x.mean())",
            "open('out/m.txt', 'w').write(s.getvalue())",
        ],
    ),
    ("print file", [BOTH, "import io\ns = io.StringIO()\nprint(b.x.mean(), file=s)", "open('out/m.txt', 'w').write(s.getvalue())"]),
    (
        "lru_cache",
        [
            BOTH,
            "from functools import lru_cache\nsrc = a\n@lru_cache\ndef f():\n    return src.x.mean()\nf()\nsrc = b\nz = f()",
            "json.dump(z, open('out/m.json', 'w'))",
        ],
    ),
    ("joblib memory", [BOTH, "mem = joblib.Memory('c')\n@mem.cache\ndef f(d):\n    return d.sum()\nz = f(b)", "z.to_csv('out/m.csv')"]),
    (
        "parallel",
        [
            BOTH,
            ("acc = []\ndef f(d):\n    acc.append(d.x.mean())\njoblib.Parallel(require='sharedmem')(joblib.delayed(f)(d) for d in [b])"),
            "json.dump(acc, open('out/m.json', 'w'))",
        ],
    ),
    (
        "sqlite executemany",
        [
            BOTH,
            ("import sqlite3\nc = sqlite3.connect(':memory:')\nc.executemany('insert', b.values.tolist())\nr = c.execute('select').fetchall()"),
            "json.dump(r, open('out/m.json', 'w'))",
        ],
    ),
    ("to_sql", [BOTH, "import sqlite3\nc = sqlite3.connect(':memory:')\nb.to_sql('t', c)\nr = pd.read_sql('select', c)", "r.to_csv('out/m.csv')"]),
    (
        "cursor",
        [
            BOTH,
            ("import sqlite3\nc = sqlite3.connect(':memory:')\nq = c.cursor()\nq.execute('insert', (b.x.mean(),))\nr = pd.read_sql('select', c)"),
            "r.to_csv('out/m.csv')",
        ],
    ),
    (
        "duckdb register",
        [BOTH, "import duckdb\ncon = duckdb.connect()\ncon.register('t', b)\nr = con.execute('select * from t').df()", "r.to_csv('out/m.csv')"],
    ),
    ("duckdb replacement scan", [BOTH, "import duckdb\nr = duckdb.sql('select * from b').df()", "r.to_csv('out/m.csv')"]),
    ("pil paste", [BOTH, "from PIL import Image\ni = Image.new('L', (9, 9))\ni.paste(Image.fromarray(b.values))", "i.save('out/m.png')"]),
    (
        "pil draw",
        [BOTH, "from PIL import Image, ImageDraw\ni = Image.new('L', (9, 9))\nd = ImageDraw.Draw(i)\nd.text((0, 0), str(b.x.mean()))", "i.save('out/m.png')"],
    ),
    ("cv2 rectangle", [BOTH, "import cv2\ni = np.zeros((9, 9))\ncv2.rectangle(i, (0, 0), (1, 1), b.x.mean())", "np.save('out/m.npy', i)"]),
    ("cv2 normalize dst", [BOTH, "import cv2\ni = np.zeros((9, 9))\ncv2.normalize(b.values, i)", "np.save('out/m.npy', i)"]),
    ("skimage set_color", [BOTH, "from skimage.draw import set_color\ni = np.zeros((9, 9))\nset_color(i, (0, 0), b.x.mean())", "np.save('out/m.npy', i)"]),
    ("h5 read_direct", [BOTH, "import h5py\ni = np.zeros((9, 9))\nf = h5py.File('data/b.csv')\nf['x'].read_direct(i)", "np.save('out/m.npy', i)"]),
    ("h5 write_direct", [BOTH, "import h5py\nf = h5py.File('out/m.h5', 'w')\nd = f.create_dataset('x', (3,))\nd.write_direct(b.x.values)\nf.close()"]),
    ("readinto", [BOTH, "buf = bytearray(9)\nopen('data/b.csv', 'rb').readinto(buf)", "open('out/m.bin', 'wb').write(buf)"]),
    ("np.random seed", [BOTH, "np.random.seed(int(b.x.mean()))\nu = np.random.rand(3)", "np.save('out/m.npy', u)"]),
    ("default_rng", [BOTH, "g = np.random.default_rng(int(b.x.mean()))\nu = g.random(3)", "np.save('out/m.npy', u)"]),
    ("rng shuffle", [BOTH, "g = np.random.default_rng(int(b.x.mean()))\nu = a.x.values\ng.shuffle(u)", "np.save('out/m.npy', u)"]),
    ("random shuffle", [BOTH, "import random\nrandom.seed(int(b.x.mean()))\nu = list(a.x)\nrandom.shuffle(u)", "json.dump(u, open('out/m.json', 'w'))"]),
    ("sort key", [BOTH, "u = [3, 1]\nu.sort(key=lambda i: b.x[i])", "json.dump(u, open('out/m.json', 'w'))"]),
    ("environ", [BOTH, "os.environ['K'] = str(b.x.mean())\nz = os.environ['K']", "json.dump(z, open('out/m.json', 'w'))"]),
    ("pd options", [BOTH, "pd.set_option('display.precision', int(b.x.mean()))", "open('out/m.txt', 'w').write(str(a))"]),
    ("set_printoptions", [BOTH, "np.set_printoptions(precision=int(b.x.mean()))", "open('out/m.txt', 'w').write(str(a.values))"]),
    ("which statement failed", [BOTH, "z = 1\ntry:\n    b.x[9]\n    z = 2\nexcept KeyError:\n    z = 3", "json.dump(z, open('out/m.json', 'w'))"]),
    (
        "how far a list came",
        [BOTH, "z = []\ntry:\n    z.append(1)\n    b.x[9]\n    z.append(2)\nexcept KeyError:\n    pass", "json.dump(z, open('out/m.json', 'w'))"],
    ),
    (
        "which statement was suppressed",
        [BOTH, "import contextlib\nz = 1\nwith contextlib.suppress(KeyError):\n    b.x[9]\n    z = 2", "json.dump(z, open('out/m.json', 'w'))"],
    ),
    ("exception value", [BOTH, "try:\n    raise ValueError(b.x.mean())\nexcept ValueError as e:\n    z = e.args[0]", "json.dump(z, open('out/m.json', 'w'))"]),
    (
        "generator send",
        [
            BOTH,
            "def g():\n    while True:\n        r = yield\n        out.append(r)\nout = []\nh = g()\nnext(h)\nh.send(b.x.mean())",
            "json.dump(out, open('out/m.json', 'w'))",
        ],
    ),
    (
        "context manager",
        [
            BOTH,
            ("class C:\n    def __enter__(self):\n        return self\n    def __exit__(self, *x):\n        self.v = b.x.mean()\nc = C()\nwith c:\n    pass"),
            "json.dump(c.v, open('out/m.json', 'w'))",
        ],
    ),
    ("property", [BOTH, "class C:\n    @property\n    def v(self):\n        return b.x.mean()\nc = C()", "json.dump(c.v, open('out/m.json', 'w'))"]),
    ("getattr dunder", [BOTH, "class C:\n    def __getattr__(self, n):\n        return b.x.mean()\nc = C()", "json.dump(c.v, open('out/m.json', 'w'))"]),
    ("operator overload", [BOTH, "class C:\n    def __add__(self, o):\n        return b.x.mean()\nz = C() + 1", "json.dump(z, open('out/m.json', 'w'))"]),
    ("iter dunder", [BOTH, "class C:\n    def __iter__(self):\n        yield b.x.mean()\nz = list(C())", "json.dump(z, open('out/m.json', 'w'))"]),
    ("len dunder", [BOTH, "class C:\n    def __len__(self):\n        return int(b.x.mean())\nz = len(C())", "json.dump(z, open('out/m.json', 'w'))"]),
    ("str dunder", [BOTH, "class C:\n    def __str__(self):\n        return str(b.x.mean())\nz = f'{C()}'", "json.dump(z, open('out/m.json', 'w'))"]),
    (
        "del dunder",
        [BOTH, "acc = []\nclass C:\n    def __del__(self):\n        acc.append(b.x.mean())\nc = C()\ndel c", "json.dump(acc, open('out/m.json', 'w'))"],
    ),
    (
        "descriptor",
        [BOTH, "class D:\n    def __get__(self, o, t):\n        return b.x.mean()\nclass C:\n    v = D()\nz = C().v", "json.dump(z, open('out/m.json', 'w'))"],
    ),
    ("reduce pickle", [BOTH, "class C:\n    def __reduce__(self):\n        return (float, (b.x.mean(),))\nc = C()", "joblib.dump(c, 'out/m.joblib')"]),
    ("getstate", [BOTH, "class C:\n    def __getstate__(self):\n        return {'v': b.x.mean()}\nc = C()", "joblib.dump(c, 'out/m.joblib')"]),
    ("array protocol", [BOTH, "class C:\n    def __array__(self, *x):\n        return b.values\nz = np.asarray(C())", "np.save('out/m.npy', z)"]),
    (
        "metaclass",
        [
            BOTH,
            "class M(type):\n    def __call__(cls):\n        return b.x.mean()\nclass C(metaclass=M): pass\nz = C()",
            "json.dump(z, open('out/m.json', 'w'))",
        ],
    ),
    (
        "init_subclass",
        [BOTH, "class B:\n    def __init_subclass__(cls, **k):\n        cls.v = b.x.mean()\nclass C(B): pass", "json.dump(C.v, open('out/m.json', 'w'))"],
    ),
    ("decorator", [BOTH, "def deco(f):\n    return lambda: b.x.mean()\n@deco\ndef g(): return 1\nz = g()", "json.dump(z, open('out/m.json', 'w'))"]),
    ("default arg", [BOTH, "def g(x=b.x.mean()):\n    return x\nz = g()", "json.dump(z, open('out/m.json', 'w'))"]),
    ("match", [BOTH, "match b.x.mean():\n    case 1: z = 1\n    case v: z = v", "json.dump(z, open('out/m.json', 'w'))"]),
    ("while cond", [BOTH, "z = 0\nwhile z < b.x.mean():\n    z += 1", "json.dump(z, open('out/m.json', 'w'))"]),
    ("return early", [BOTH, "def f():\n    if b.x.mean() > 1:\n        return 1\n    return 2\nz = f()", "json.dump(z, open('out/m.json', 'w'))"]),
    ("break flag", [BOTH, "z = 0\nfor i in range(9):\n    if b.x[i] > 1: break\n    z = i", "json.dump(z, open('out/m.json', 'w'))"]),
    ("map lazy", [BOTH, "acc = []\nm = map(lambda v: acc.append(v), b.x)\nlist(m)", "json.dump(acc, open('out/m.json', 'w'))"]),
    ("apply closure", [BOTH, "acc = []\nb.x.apply(acc.append)", "json.dump(acc, open('out/m.json', 'w'))"]),
    ("bound method stored", [BOTH, "acc = []\nf = acc.append\nf(b.x.mean())", "json.dump(acc, open('out/m.json', 'w'))"]),
    ("partial", [BOTH, "from functools import partial\nf = partial(max, b.x.mean())\nz = f(1)", "json.dump(z, open('out/m.json', 'w'))"]),
    ("setdefault", [BOTH, "d = {}\nd.setdefault('k', []).append(b.x.mean())", "json.dump(d, open('out/m.json', 'w'))"]),
    ("groupby apply", [BOTH, "c = a.groupby('x').apply(lambda g: g.assign(z=b.x.mean()))", "c.to_csv('out/m.csv')"]),
    ("transform closure", [BOTH, "c = a.x.transform(lambda v: v + b.x.mean())", "c.to_csv('out/m.csv')"]),
    (
        "FunctionTransformer",
        [
            BOTH,
            ("from sklearn.preprocessing import FunctionTransformer\nt = FunctionTransformer(lambda d: d + b.x.mean())\nc = t.fit_transform(a)"),
            "np.save('out/m.npy', c)",
        ],
    ),
    (
        "make_scorer",
        [
            BOTH,
            (
                "from sklearn.metrics import make_scorer\n"
                "from sklearn.model_selection import GridSearchCV\n"
                "g = GridSearchCV(LogisticRegression(), {'C': [1]}, scoring=make_scorer(lambda y, p: b.x.mean()))\n"
                "g.fit(a, a.y)"
            ),
            "joblib.dump(g, 'out/m.joblib')",
        ],
    ),
    ("minimize closure", [BOTH, "from scipy.optimize import minimize\nr = minimize(lambda p: ((b.x - p) ** 2).sum(), 0)", "joblib.dump(r, 'out/m.joblib')"]),
    ("optuna", [BOTH, "import optuna\nst = optuna.create_study()\nst.optimize(lambda t: b.x.mean())", "json.dump(st.best_value, open('out/m.json', 'w'))"]),
    (
        "thread",
        [
            BOTH,
            "import threading\nacc = []\nt = threading.Thread(target=lambda: acc.append(b.x.mean()))\nt.start(); t.join()",
            "json.dump(acc, open('out/m.json', 'w'))",
        ],
    ),
    (
        "pool",
        [
            BOTH,
            ("from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as e:\n    z = list(e.map(lambda v: v, b.x))"),
            "json.dump(z, open('out/m.json', 'w'))",
        ],
    ),
    ("fillna series", [BOTH, "a.x.fillna(b.x.mean(), inplace=True)", "a.to_csv('out/m.csv')"]),
    ("where inplace", [BOTH, "a.where(a > 1, b, inplace=True)", "a.to_csv('out/m.csv')"]),
    ("iadd", [BOTH, "a += b", "a.to_csv('out/m.csv')"]),
    ("iadd view", [BOTH, "v = a.values\nv += b.values", "a.to_csv('out/m.csv')"]),
    ("matmul assign", [BOTH, "u = a.values\nv = u.T\nv *= b.x.mean()", "np.save('out/m.npy', u)"]),
    ("flat", [BOTH, "u = a.values\nu.flat[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("ravel view", [BOTH, "u = a.values\nnp.ravel(u)[0] = b.x.mean()", "np.save('out/m.npy', u)"]),
    ("sys.modules", [BOTH, "import builtins\nbuiltins.z = b.x.mean()\nw = z", "json.dump(w, open('out/m.json', 'w'))"]),
    ("np attr", [BOTH, "np.k = b.x.mean()\nw = np.k", "json.dump(w, open('out/m.json', 'w'))"]),
    ("monkeypatch", [BOTH, "pd.DataFrame.describe = lambda self: b", "a.describe().to_csv('out/m.csv')"]),
    (
        "accessor",
        [
            BOTH,
            ("@pd.api.extensions.register_dataframe_accessor('zz')\nclass Z:\n    def __init__(self, d): pass\n    def v(self): return b\nc = a.zz.v()"),
            "c.to_csv('out/m.csv')",
        ],
    ),
    ("cell magic capture", [BOTH, "%%capture out\nprint(b.x.mean())", "open('out/m.txt', 'w').write(out.stdout)"]),
    ("underscore", [BOTH, "b.x.mean()", "z = _", "json.dump(z, open('out/m.json', 'w'))"]),
    ("Out", [BOTH, "b.x.mean()", "z = Out[3]", "json.dump(z, open('out/m.json', 'w'))"]),
]


@pytest.mark.parametrize("cells", [row[1] for row in CASES], ids=[row[0] for row in CASES])
def test_what_came_of_it_is_made_from_it(cells: list[str]) -> None:
    found = Small("", cells, {}).found()["m"]
    assert "b" in found or "?" in found


def test_a_step_of_a_pipeline_is_fitted_with_it() -> None:
    imports = "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler"
    cells = [BOTH, f"{imports}\ns = StandardScaler()\np = make_pipeline(s, LogisticRegression())\np.fit(a, a.y)", "joblib.dump(s, 'out/m.joblib')"]
    assert Small("", cells, {}).found() == {"m": "a"}


@pytest.mark.parametrize(
    "cells",
    [
        [BOTH, "import matplotlib.pyplot as plt\nplt.rcParams['font.size'] = 12", "a.to_csv('out/m.csv')"],
        [BOTH, "os.environ['OMP_NUM_THREADS'] = '1'", "a.to_csv('out/m.csv')"],
        [BOTH, "pd.set_option('display.max_rows', 9)", "a.to_csv('out/m.csv')"],
        [BOTH, "c = a.copy()\nc['z'] = b.z", "a.to_csv('out/m.csv')"],
        [BOTH, "try:\n    c = b.x.mean()\nexcept ValueError as e:\n    print(e)", "a.to_csv('out/m.csv')"],
        [BOTH, "%%capture\nprint(b)", "a.to_csv('out/m.csv')"],
    ],
    ids=["a setting", "an environment variable", "an option", "a copy", "an error that is shown", "output that is dropped"],
)
def test_what_changes_nothing_stays_precise(cells: list[str]) -> None:
    assert Small("", cells, {}).found() == {"m": "a"}
