"""What a supervised kernel says of its cells is kept beside the record as its own word: it narrows nothing, and a lie takes no input away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import notebook

READS = ["import json, os", "a = open('data/train.csv').read()", "b = open('data/more.csv').read()"]
WRITES = "os.makedirs('models', exist_ok=True)\njson.dump(a, open('models/a.json', 'w'))"
LIE = """
from jupyter_mlsc import wire
from jupyter_mlsc.inside import ask
ask(wire.CellEnds(False, {"version": 1, "body": []}), wire.Told)
"""


@pytest.fixture
def two_inputs(supervised: Person) -> Person:
    supervised.write("data/more.csv")
    supervised.sign("data/more.csv")
    return supervised


def made(person: Person) -> dict[str, Any]:
    done = person.mlsc("verify", "work.ipynb", "--json")
    (story,) = json.loads(done.stdout)["notebooks"]
    (found,) = story["made"]
    return {**found, "cells": [step["failed"] for step in story["order"]]}


def test_the_kernels_own_word_stands_beside_all_inputs_of_record(two_inputs: Person) -> None:
    notebook(two_inputs, *READS, WRITES)
    assert two_inputs.mlsc("run", "work.ipynb").returncode == 0
    found = made(two_inputs)
    assert (found["inputs"], found["precise"], found["claimed"]) == (["data/train.csv", "data/more.csv"], False, ["data/train.csv"])
    assert "from all that was read until then; by the kernel's own word from data/train.csv alone" in two_inputs.mlsc("verify", "work.ipynb").stdout
    lineage = json.loads(two_inputs.mlsc("lineage", "models/a.json", "--json").stdout)
    assert ([each["path"] for each in lineage["inputs"]], lineage["precise"]) == (["data/train.csv", "data/more.csv"], False)


def test_a_kernel_that_lies_about_its_code_takes_no_input_away(two_inputs: Person) -> None:
    code = "import json\njson.dump(1, open('models/a.json', 'w'))"
    imports = "from jupyter_mlsc.dataflow import summarize, to_record\nfrom jupyter_mlsc.kernel.supervised import SupervisedCells"
    lie = f"{imports}\nlied = to_record(summarize({code!r}))"
    notebook(two_inputs, *READS, f"{WRITES}\n{lie}\nSupervisedCells._flow = lambda self: lied")
    assert two_inputs.mlsc("run", "work.ipynb").returncode == 0
    found = made(two_inputs)
    assert (found["inputs"], found["precise"], found["claimed"]) == (["data/train.csv", "data/more.csv"], False, [])
    assert "by the kernel's own word from no input alone" in two_inputs.mlsc("verify", "work.ipynb").stdout
    assert two_inputs.mlsc("revoke", "data/more.csv", "--why", "bad labels").returncode == 0
    assert "[input-revoked]" in two_inputs.mlsc("verify", "models/a.json").stdout, "what it was made from is what another process saw"


@pytest.mark.parametrize(
    "flow",
    [
        pytest.param("{'version': 1, 'body': 'x' * 70000}", id="too large", marks=pytest.mark.slow),
        pytest.param("{'deep': " * 150 + "1" + "}" * 150, id="too deep"),
        pytest.param("{'version': 99}", id="another version", marks=pytest.mark.slow),
        pytest.param("{'version': 1, 'body': [{'type': 'Nonsense'}]}", id="nonsense", marks=pytest.mark.slow),
    ],
)
def test_a_claim_that_is_no_summary_claims_nothing(two_inputs: Person, flow: str) -> None:
    lie = LIE.replace('{"version": 1, "body": []}', flow).replace("ask(", "\ntry:\n    ask(", 1) + "except Exception as err:\n    print(type(err).__name__)\n"
    notebook(two_inputs, *READS, WRITES + lie + "os._exit(0)")
    two_inputs.mlsc("run", "work.ipynb")
    found = made(two_inputs)
    assert (found["inputs"], found["claimed"]) == (["data/train.csv", "data/more.csv"], None)


def test_a_cell_that_failed_is_told_by_the_kernel(two_inputs: Person) -> None:
    notebook(two_inputs, *READS, WRITES, "1 / 0")
    assert two_inputs.mlsc("run", "work.ipynb").returncode == 1
    assert made(two_inputs)["cells"] == [False, False, False, False, True]
