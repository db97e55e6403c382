"""What the allowlist lets through in a real kernel: honest objects, signed files, exact names, classes of one's own, messages between processes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

HERE = Path(__file__).resolve().parent
RUNNER = """
import pickle
class Touch:
    def __reduce__(self):
        import os
        return os.mkdir, ({path!r},)
"""


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada's enforcing project; mypackage.models.Net is named in the policy."""
    base = tmp_path_factory.mktemp("honest")
    (base / "project" / "models").mkdir(parents=True)
    (base / "project" / "scratch").mkdir()
    made = Person("ada", base / "home", base / "project")
    made.init("enforce")
    with open(made.root / "mlsc.toml", "a") as policy:
        policy.write('\n[unpickle]\nallow = ["mypackage.models.Net", "__main__.own_function"]\n')
    assert made.mlsc("policy", "trust", "--yes").returncode == 0
    made.write("mypackage/__init__.py", "")
    made.write("mypackage/models.py", "from os import system\nclass Net:\n    def __init__(self): self.w = 1\nclass Other(Net): pass\ndef function(): pass\n")
    return made


@pytest.fixture(scope="module")
def kernel(ada: Person, start: Callable[..., LiveKernel]) -> LiveKernel:
    made = start(ada)
    assert made.run("%load_ext jupyter_mlsc").error is None
    done = made.run(f"import sys, pickle, os, joblib\nsys.path.append({str(HERE)!r})\nfrom pathlib import Path\nfrom honest import load_all")
    assert done.error is None, done.traceback
    return made


def shown(kernel: LiveKernel, code: str) -> str:
    done = kernel.run(code)
    assert done.error is None, done.traceback
    assert done.stderr == ""
    return done.text or done.stdout.strip()


def refused(kernel: LiveKernel, code: str) -> str:
    done = kernel.run(code)
    assert done.error is not None, done.text
    assert "next: " in done.traceback
    return done.traceback


@pytest.mark.parametrize("every", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_honest_objects_load_through_every_loader(kernel: LiveKernel, every: int) -> None:
    done = kernel.run(f"print(repr(load_all(['estimators', 'frames', 'values', 'torch_objects'], Path('scratch'), every={every})))")
    assert done.error is None, done.traceback
    count, wrong = ast.literal_eval(done.stdout)
    assert wrong == {}
    assert count > 140 // every


def test_honest_objects_load_from_governed_files_that_the_cell_wrote(kernel: LiveKernel) -> None:
    done = kernel.run("print(repr(load_all(['estimators', 'frames', 'torch_objects'], Path('models'), every=12)))")
    assert done.error is None, done.traceback
    count, wrong = ast.literal_eval(done.stdout)
    assert (count > 10, wrong) == (True, {})


def test_a_persons_signature_lifts_the_list_for_its_file_only(kernel: LiveKernel, ada: Person) -> None:
    def touching(path: str, name: str) -> bytes:
        return f"cos\nmkdir\n(V{ada.root / name}\ntR.".encode()

    ada.write("models/signed.pkl", touching("signed", "made-by-signed"))
    ada.write("models/other.pkl", touching("other", "made-by-other"))
    ada.sign("models/signed.pkl")
    (ada.root / "scratch" / "copy.pkl").write_bytes((ada.root / "models" / "signed.pkl").read_bytes())
    assert "models/other.pkl: blocked" in refused(kernel, "pickle.load(open('models/other.pkl', 'rb'))")
    assert "os.mkdir" in refused(kernel, "pickle.load(open('scratch/copy.pkl', 'rb'))")
    assert "os.mkdir" in refused(kernel, "pickle.loads(open('models/signed.pkl', 'rb').read())")
    assert not (ada.root / "made-by-signed").exists()
    shown(kernel, "pickle.load(open('models/signed.pkl', 'rb'))")
    assert (ada.root / "made-by-signed").is_dir()
    assert "os.mkdir" in refused(kernel, "pickle.loads(b'cos\\nmkdir\\n(Vscratch/x\\ntR.')")
    assert not (ada.root / "scratch" / "x").exists()


def test_a_name_that_an_archive_gives_its_member_lifts_nothing(kernel: LiveKernel, ada: Person) -> None:
    """The member's name is the name of a signed file; its bytes are the attacker's."""
    ada.write("models/vouched.pkl", b"\x80\x04K\x01.")
    ada.sign("models/vouched.pkl")
    hostile = "b'cos\\nmkdir\\n(Vscratch/ran\\ntR.'"
    shown(kernel, f"import zipfile, tarfile, gzip, io\nwith zipfile.ZipFile('scratch/x.zip', 'w') as z:\n    z.writestr('models/vouched.pkl', {hostile})")
    assert "os.mkdir" in refused(kernel, "pickle.load(zipfile.ZipFile('scratch/x.zip').open('models/vouched.pkl'))")
    shown(kernel, f"data = {hostile}\nentry = tarfile.TarInfo('models/vouched.pkl')\nentry.size = len(data)")
    shown(kernel, "with tarfile.open('scratch/x.tar', 'w') as t:\n    t.addfile(entry, io.BytesIO(data))")
    assert "os.mkdir" in refused(kernel, "pickle.load(tarfile.open('scratch/x.tar').extractfile('models/vouched.pkl'))")
    shown(kernel, f"with gzip.open('scratch/x.gz', 'wb') as f:\n    f.write({hostile})\n")
    assert "os.mkdir" in refused(kernel, "pickle.load(gzip.GzipFile('models/vouched.pkl', 'rb', fileobj=open('scratch/x.gz', 'rb')))")
    shown(kernel, f"class Named(io.BytesIO):\n    name = 'models/vouched.pkl'\nn = Named({hostile})")
    assert "os.mkdir" in refused(kernel, "pickle.load(n)")
    shown(kernel, f"with open('scratch/plain.pkl', 'wb') as f:\n    f.write({hostile})\nf = open('scratch/plain.pkl', 'rb')")
    shown(kernel, "os.replace('scratch/plain.pkl', 'scratch/moved.pkl')")
    shown(kernel, "os.symlink(os.path.abspath('models/vouched.pkl'), 'scratch/plain.pkl')")
    assert "os.mkdir" in refused(kernel, "pickle.load(f)")
    assert not (ada.root / "scratch" / "ran").exists()


OWN = """
class Thing:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return type(other) is Thing and other.x == self.x
from dataclasses import dataclass
from enum import Enum
from collections import namedtuple
from typing import NamedTuple
@dataclass
class Point: x: int; y: int = 2
class Colour(Enum): RED = 1
Pair = namedtuple('Pair', 'a b')
class Triple(NamedTuple):
    a: int
class MyError(ValueError): pass
def own_function(): pass
def other_function(): pass
from os import system
import subprocess
from subprocess import Popen
"""


def test_objects_of_ones_own_classes_go_round(kernel: LiveKernel) -> None:
    shown(kernel, OWN)
    shown(kernel, "import io, shelve, dill, cloudpickle, pandas as pd, copy\nthings = [Thing(3), Point(1), Colour.RED, Pair(1, 2), Triple(5)]")
    for code in (
        "pickle.loads(pickle.dumps(things)) == things",
        "pickle._loads(pickle.dumps(things)) == things",
        "copy.deepcopy(things) == things",
        "type(pickle.loads(pickle.dumps(MyError('x')))) is MyError",
        "pickle.dump(things, open('scratch/own.pkl', 'wb')) or pickle.load(open('scratch/own.pkl', 'rb')) == things",
        "joblib.dump(things, 'scratch/own.joblib') and joblib.load('scratch/own.joblib') == things",
        "pd.to_pickle(things, 'scratch/own.pkl.gz') or pd.read_pickle('scratch/own.pkl.gz') == things",
        "joblib.dump(things, 'models/own.joblib') and joblib.load('models/own.joblib') == things",
    ):
        assert shown(kernel, code) == "True", code
    assert (
        shown(kernel, "with shelve.open('scratch/shelf') as s:\n    s['k'] = things\nwith shelve.open('scratch/shelf') as s:\n    print(s['k'] == things)")
        == "True"
    )
    shown(kernel, "from mypackage.models import Net, Other, function")
    assert shown(kernel, "type(pickle.loads(pickle.dumps(Other()))).__name__") == "'Other'"


def test_a_governed_file_that_nobody_signed_names_no_class_of_ones_own(kernel: LiveKernel, ada: Person) -> None:
    shown(kernel, OWN)
    (ada.root / "scratch" / "own-copy.pkl").write_bytes(b"c__main__\nThing\n)\x81.")
    shown(kernel, "pickle.load(open('scratch/own-copy.pkl', 'rb'))")
    ada.write("models/own-unsigned.pkl", b"c__main__\nThing\n)\x81.")
    assert "blocked" in refused(kernel, "pickle.load(open('models/own-unsigned.pkl', 'rb'))")


@pytest.mark.parametrize(
    "name", ["os", "system", "Popen", "subprocess", "other_function", "Colour.RED", "Path", "get_ipython", "exit", "open", "In", "Thing.__init__"]
)
def test_what_the_notebook_imported_and_its_functions_are_refused(kernel: LiveKernel, name: str) -> None:
    shown(kernel, OWN)
    told = refused(kernel, f"pickle.loads(b'\\x80\\x04\\x8c\\x08__main__\\x8c{chr(92)}x{len(name):02x}{name}\\x93.')")
    assert f"__main__.{name}" in told


def test_exact_names_of_the_policy_are_allowed(kernel: LiveKernel) -> None:
    shown(kernel, OWN)
    assert shown(kernel, "pickle.loads(pickle.dumps(own_function)) is own_function") == "True"
    fresh = "import sys\nfor name in [n for n in sys.modules if n.startswith('mypackage')]: del sys.modules[name]\n"
    assert shown(kernel, fresh + "type(pickle.loads(b'cmypackage.models\\nNet\\n)\\x81.')).__name__") == "'Net'"
    shown(kernel, fresh)
    assert "import mypackage.models in the notebook first" in refused(kernel, "pickle.loads(b'cmypackage.models\\nOther\\n)\\x81.')")
    assert "mypackage.models.system" in refused(kernel, "import mypackage.models\npickle.loads(b'cmypackage.models\\nsystem\\n.')")


def test_a_swallowed_refusal_is_told_at_the_end_of_the_cell_and_each_time(kernel: LiveKernel) -> None:
    for _ in range(2):
        done = kernel.run("try:\n    pickle.loads(b'cos\\ngetcwd\\n.')\nexcept Exception:\n    pass\n7")
        assert done.text == "7"
        assert done.stderr.count("it would use os.getcwd") == 1
        assert "next: " in done.stderr
