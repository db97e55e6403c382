"""Cell-precise lineage in a real kernel: what is recorded of an output names the data that reached it, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from live_kernel import LiveKernel

from jupyter_mlsc import predicates
from jupyter_mlsc.attestation import Envelope, read_unverified
from jupyter_mlsc.following import edges_of
from tests.conftest import Person

SETUP = "import pandas as pd\nimport joblib\nfrom sklearn.linear_model import LogisticRegression"


@pytest.fixture
def two_data_sets(ada: Person) -> Person:
    """Ada's project with two data sets, which she signed."""
    for name in ("a", "b"):
        ada.write(f"data/{name}.csv", "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    ada.sign("data/a.csv", "data/b.csv")
    (ada.root / "models").mkdir()
    return ada


@pytest.fixture
def kernel(two_data_sets: Person) -> Iterator[LiveKernel]:
    """A kernel of Ada's in that project, guarded."""
    kernel = LiveKernel(two_data_sets.root, two_data_sets.environ)
    try:
        assert kernel.run("%load_ext jupyter_mlsc").status == "ok"
        yield kernel
    finally:
        kernel.close()


def lineage(person: Person, path: str) -> tuple[list[str], bool]:
    document: dict[str, Any] = json.loads(person.mlsc("lineage", path, "--json").stdout)
    return [each["path"] for each in document["inputs"]], document["precise"]


def run_all(kernel: LiveKernel, *cells: str) -> None:
    for number, cell in enumerate(cells):
        done = kernel.run(cell, cell=f"cell-{number}")
        assert done.status == "ok", done.traceback


def last_statement(person: Person) -> predicates.RunBody:
    """The statement that ended the newest run."""
    ledger = person.project.books.ledger
    assert ledger is not None
    ends = []
    for entry in ledger.entries(kind="run"):
        body = predicates.from_predicate(read_unverified(Envelope.from_json(ledger.envelope(entry.envelope))).predicate, predicates.RunBody)
        if body.phase == "end":
            ends.append(body)
    return ends[-1]


def test_two_models_of_two_data_sets_are_not_mixed(kernel: LiveKernel, two_data_sets: Person) -> None:
    run_all(
        kernel,
        SETUP,
        "a = pd.read_csv('data/a.csv')",
        "b = pd.read_csv('data/b.csv')",
        "first = LogisticRegression().fit(a[['x']], a['y'])",
        "second = LogisticRegression()\nsecond.fit(b[['x']], b['y'])",
        "joblib.dump(first, 'models/a.joblib')",
        "%mlsc_save second models/b.joblib",
    )
    assert lineage(two_data_sets, "models/a.joblib") == (["data/a.csv"], True)
    assert lineage(two_data_sets, "models/b.joblib") == (["data/b.csv"], True)
    shown = two_data_sets.mlsc("lineage", "models/a.joblib").stdout
    assert "data/a.csv" in shown
    assert "data/b.csv" not in shown
    assert "  from:\n" in shown


def test_the_edges_can_be_computed_again_from_the_record(kernel: LiveKernel, two_data_sets: Person) -> None:
    run_all(
        kernel,
        SETUP,
        "def train(path):\n    frame = pd.read_csv(path)\n    return LogisticRegression().fit(frame[['x']], frame['y'])",
        "first = train('data/a.csv')",
        "second = train('data/b.csv')",
        "joblib.dump(first, 'models/a.joblib')\njoblib.dump(second, 'models/b.joblib')",
    )
    failed = kernel.run("first = second\n1 / 0\nfirst = None")
    assert failed.error == "ZeroDivisionError"
    run_all(kernel, "%mlsc_save first models/c.joblib")
    expected = {"models/a.joblib": ["data/a.csv"], "models/b.joblib": ["data/b.csv"], "models/c.joblib": ["data/a.csv", "data/b.csv"]}
    for name, inputs in expected.items():
        assert lineage(two_data_sets, name) == (inputs, True)
    assert kernel.run("%unload_ext jupyter_mlsc").status == "ok"
    ended = last_statement(two_data_sets)
    assert [cell.failed for cell in ended.cells] == [False] * 5 + [True, False, False][: len(ended.cells) - 5]
    again = {edges.write.name: (sorted(each.name for each in edges.reads), edges.precise) for edges in edges_of(ended.cells)}
    assert again == {name: (inputs, True) for name, inputs in expected.items()}


def test_what_the_analysis_cannot_know_falls_back_to_all_inputs(kernel: LiveKernel, two_data_sets: Person) -> None:
    run_all(kernel, SETUP, "a = pd.read_csv('data/a.csv')", "b = pd.read_csv('data/b.csv')", "exec('c = a')", "%mlsc_save c data/derived/c.csv")
    assert lineage(two_data_sets, "data/derived/c.csv") == (["data/a.csv", "data/b.csv"], False)
    assert "from all that the run had read so far" in two_data_sets.mlsc("lineage", "data/derived/c.csv").stdout


def test_a_save_to_a_computed_path_is_that_of_its_variable(kernel: LiveKernel, two_data_sets: Person) -> None:
    run_all(
        kernel,
        SETUP,
        "a = pd.read_csv('data/a.csv')\nb = pd.read_csv('data/b.csv')",
        "one, two = 'one', 'two'",
        "%mlsc_save a data/derived/{one}.csv\n%mlsc_save b data/derived/{two}.csv",
    )
    assert lineage(two_data_sets, "data/derived/one.csv") == (["data/a.csv"], True)
    assert lineage(two_data_sets, "data/derived/two.csv") == (["data/b.csv"], True)
