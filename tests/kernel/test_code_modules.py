"""The project's own modules and scripts are inputs of what their code made: guarded, supervised, and in a script of one's own."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

MODULE = "def double(frame):\n    return frame * 2\n"
OTHER = "UNUSED = 1\n"


@pytest.fixture
def with_code(signed_dataset: Person) -> Person:
    """Ada's project with a signed data set and two modules."""
    signed_dataset.write("features.py", MODULE)
    signed_dataset.write("lib/__init__.py", "")
    signed_dataset.write("lib/other.py", OTHER)
    return signed_dataset


@pytest.fixture
def kernel(with_code: Person) -> Iterator[LiveKernel]:
    kernel = LiveKernel(with_code.root, {**with_code.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        assert kernel.run("%load_ext jupyter_mlsc").status == "ok"
        yield kernel
    finally:
        kernel.close()


def inputs(person: Person, path: str) -> dict[str, str]:
    """Name and digest of each input that the provenance of the newest version names."""
    document: dict[str, Any] = json.loads(person.mlsc("lineage", path, "--json").stdout)
    return {each["path"]: each["digest"] for each in document["inputs"]}


def sha256(content: str | bytes) -> str:
    return "sha256:" + hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def good(kernel: LiveKernel, cell: str) -> Any:
    done = kernel.run(cell)
    assert done.status == "ok", done.traceback
    return done


def test_a_module_is_an_input_and_fails_no_rule_that_does_not_ask_about_it(kernel: LiveKernel, with_code: Person) -> None:
    good(kernel, "import os\nimport pandas as pd\nimport features\nos.makedirs('data/derived', exist_ok=True)")
    good(kernel, "frame = pd.read_csv('data/train.csv')")
    good(kernel, "features.double(frame).to_csv('data/derived/a.csv', index=False)")
    assert inputs(with_code, "data/derived/a.csv") == {
        "data/train.csv": sha256((with_code.root / "data/train.csv").read_bytes()),
        "features.py": sha256(MODULE),
    }
    verdict = with_code.verify("data/derived/a.csv")
    assert (verdict.allowed, [reason.code for reason in verdict.reasons if reason.fails]) == (True, [])
    assert "features.py" in with_code.mlsc("lineage", "data/derived/a.csv").stdout


def test_a_module_that_is_imported_in_the_cell_that_saves_is_among_the_inputs(kernel: LiveKernel, with_code: Person) -> None:
    good(kernel, "import lib.other\nx = %mlsc_load data/train.csv\nx = x * lib.other.UNUSED\n%mlsc_save x data/derived/b.csv")
    assert {"lib/other.py", "lib/__init__.py"} <= set(inputs(with_code, "data/derived/b.csv"))
    good(kernel, "y = %mlsc_load data/train.csv\n%mlsc_save y data/derived/plain.csv")
    assert set(inputs(with_code, "data/derived/plain.csv")) == {"data/train.csv"}, "what no module touched does not come from it"


def test_an_edited_module_is_said_and_what_was_imported_stays_the_input_until_it_is_reloaded(kernel: LiveKernel, with_code: Person) -> None:
    good(kernel, "import features, importlib\nx = %mlsc_load data/train.csv\nx = features.double(x)")
    edited = MODULE.replace("2", "33")
    with_code.write("features.py", edited)
    told = good(kernel, "%mlsc_save x data/derived/c.csv").stderr
    assert "features.py changed after this run imported it" in told
    assert inputs(with_code, "data/derived/c.csv")["features.py"] == sha256(MODULE)
    assert "changed after" not in good(kernel, "1").stderr, "it is told once"
    good(kernel, "importlib.reload(features)\nx = features.double(x)")
    good(kernel, "%mlsc_save x data/derived/c.csv")
    assert sha256(edited) in inputs(with_code, "data/derived/c.csv").values()
    good(kernel, "%unload_ext jupyter_mlsc")
    ends = [entry for entry in json.loads(with_code.mlsc("log", "show", "--json").stdout) if entry["kind"] == "run"]
    assert ends


def test_a_rule_about_code_is_asked(kernel: LiveKernel, with_code: Person) -> None:
    govern_code(with_code)
    good(kernel, "%reload_ext jupyter_mlsc")
    good(kernel, "import features\nx = %mlsc_load data/train.csv\nx = features.double(x)\n%mlsc_save x data/derived/d.csv")
    refused = with_code.verify("data/derived/d.csv")
    assert [reason.code for reason in refused.reasons if reason.fails] == ["inputs-unverified"]
    assert "features.py" in refused.reasons[0].message


def govern_code(person: Person) -> None:
    place = person.root / "mlsc.toml"
    rule = '[[rule]]\nmatch = "*.py"\nkind = "config"\nsigned = { by = "ml-lead" }\nmode = "warn"\n\n[[rule]]'
    place.write_text(place.read_text().replace("[[rule]]", rule, 1))
    assert person.mlsc("policy", "trust", "--yes").returncode == 0


SCRIPT = """
import os, sys
import jupyter_mlsc as mlsc
import features
frame = mlsc.load('data/train.csv')
mlsc.save(features.double(frame), 'data/derived/s.csv')
"""
PLAIN = """
import os
import features
rows = open('data/train.csv').read()
os.makedirs('data/derived', exist_ok=True)
{before}
open('data/derived/s.csv', 'w').write(rows)
"""


def test_a_script_and_its_modules_are_inputs_of_what_it_saves(with_code: Person) -> None:
    import subprocess

    script = with_code.write("train.py", SCRIPT)
    done = subprocess.run([sys.executable, str(script)], cwd=with_code.root, env=with_code.environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert {"train.py": sha256(SCRIPT), "features.py": sha256(MODULE)}.items() <= inputs(with_code, "data/derived/s.csv").items()
    assert with_code.verify("data/derived/s.csv").allowed


@pytest.mark.parametrize(
    "before",
    [
        "pass",
        "open('train.py', 'w').write('print(1)')",
        "os.rename('train.py', 'hidden.txt')",
        "os.unlink('train.py'); os.unlink('features.py')",
        "import sys; sys.argv[:] = ['innocent.py']; __file__ = 'innocent.py'; sys.modules.clear()",
    ],
    ids=["honest", "overwrites itself", "renames itself", "removes itself", "denies itself"],
)
def test_a_supervised_script_cannot_hide_what_ran(with_code: Person, before: str) -> None:
    source = PLAIN.format(before=before)
    with_code.write("train.py", source)
    done = with_code.mlsc("exec", "--", sys.executable, "-B", "train.py")
    assert done.returncode == 0, done.stderr
    found = inputs(with_code, "data/derived/s.csv")
    assert {"train.py": sha256(source), "features.py": sha256(MODULE)}.items() <= found.items()
    assert with_code.verify("data/derived/s.csv").allowed


def test_a_script_that_another_one_starts_is_seen_too(with_code: Person) -> None:
    with_code.write("run.sh", f"exec {sys.executable} -B train.py\n")
    with_code.write("train.py", PLAIN.format(before="pass"))
    done = with_code.mlsc("exec", "--", "/bin/sh", "run.sh")
    assert done.returncode == 0, done.stderr
    assert {"run.sh", "train.py", "features.py"} <= set(inputs(with_code, "data/derived/s.csv"))


def test_compiled_modules_are_counted_as_not_seen(with_code: Person, tmp_path_factory: pytest.TempPathFactory) -> None:
    import compileall

    assert compileall.compile_file(str(with_code.root / "features.py"), quiet=1)
    with_code.write("train.py", PLAIN.format(before="pass"))
    assert with_code.mlsc("exec", "--", sys.executable, "train.py").returncode == 0
    from jupyter_mlsc import predicates
    from jupyter_mlsc.attestation import Envelope, read_unverified

    ledger = with_code.project.books.ledger
    assert ledger is not None
    bodies = [
        predicates.from_predicate(read_unverified(Envelope.from_json(ledger.envelope(entry.envelope))).predicate, predicates.RunBody)
        for entry in ledger.entries(kind="run")
    ]
    assert [body.coverage for body in bodies if body.phase == "end"] == [{"bytecode": 1}]


def test_what_an_environment_in_the_project_holds_is_no_code_of_it(kernel: LiveKernel, with_code: Person) -> None:
    place = "venv/lib/python3.11/site-packages/vendored.py"
    with_code.write(place, OTHER)
    good(kernel, f"import sys\nsys.path.insert(0, {os.path.dirname(place)!r})\nimport vendored\nx = %mlsc_load data/train.csv\n%mlsc_save x data/derived/e.csv")
    assert set(inputs(with_code, "data/derived/e.csv")) == {"data/train.csv"}
