"""The graph of a real project: runs, folders and their files, copies, promotions and exceptions, what is revoked; as trees and as nodes and links."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.claim_files import contents
from jupyter_mlsc.digests import measure
from jupyter_mlsc.lineage import GraphLink, Neighbourhood
from tests.attacks.decided import revocation
from tests.attacks.forgery import accept, digest_at, plant, provenance, run_key, vouching_key
from tests.conftest import Person


@pytest.fixture
def chain(signed_dataset: Person) -> Person:
    """Ada's project in which a run made ``data/derived/clean.json`` of ``data/train.csv``, and another one a model of that."""
    make(signed_dataset, "data/derived/clean.json", [1], "data/train.csv")
    make(signed_dataset, "models/churn.json", [2], "data/derived/clean.json")
    return signed_dataset


def make(person: Person, path: str, value: object, *inputs: str) -> None:
    """One run: load these, save that."""
    run = person.new_run()
    for each in inputs:
        person.load(each, run)
    person.save(value, path, run)


def around(person: Person, path: str, direction: str, *, depth: int = 8, limit: int = 100) -> Neighbourhood:
    return person.project.neighbourhood(str(person.root / path), direction, depth=depth, limit=limit)  # type: ignore[arg-type]


def drawn(found: Neighbourhood) -> list[tuple[str, str, str]]:
    """Links by the names of their ends."""
    paths = {node.id: node.path for node in found.nodes}
    return [(paths[link.source], link.relation, paths[link.target]) for link in found.links]


def test_a_neighbourhood_names_each_artifact_once_with_the_run_that_made_it(chain: Person) -> None:
    found = around(chain, "models/churn.json", "lineage")
    assert [(node.path, node.level, node.more) for node in found.nodes] == [
        ("models/churn.json", 0, None),
        ("data/derived/clean.json", 1, None),
        ("data/train.csv", 2, None),
    ]
    assert drawn(found) == [("data/derived/clean.json", "made", "models/churn.json"), ("data/train.csv", "made", "data/derived/clean.json")]
    model, clean, train = found.nodes
    assert found.root == model.id == f"{measure(chain.root / 'models/churn.json').digest} models/churn.json"
    assert (model.kind, train.origin, train.kind) == ("model", None, None)
    assert model.origin is not None
    assert model.origin.signer == "ada-runs"
    assert model.origin.environment is not None
    assert clean.origin is not None
    assert clean.origin.run != model.origin.run
    link: GraphLink = found.links[0]
    assert (link.origin, link.verdict, link.precise) == (model.origin, "allow", False)
    assert found.cut == ()


def test_what_lies_behind_a_cut_node_is_asked_for_by_its_digest(chain: Person) -> None:
    found = around(chain, "data/train.csv", "impact", depth=1)
    assert [(node.path, node.more) for node in found.nodes] == [("data/train.csv", None), ("data/derived/clean.json", "depth")]
    assert found.cut == ("depth",)
    more = chain.project.neighbourhood(str(found.nodes[1].digest), "impact", depth=1)
    assert more.root == found.nodes[1].id
    assert drawn(more) == [("data/derived/clean.json", "made", "models/churn.json")]


def test_the_limit_bounds_the_answer_and_says_so(chain: Person) -> None:
    for number in range(6):
        make(chain, f"data/derived/{number}.json", number, "data/train.csv")
    found = around(chain, "data/train.csv", "impact", limit=4)
    assert len(found.nodes) == 4
    assert found.nodes[0].more == "limit"
    assert found.cut == ("limit",)
    assert found.left == 4


def test_a_diamond_is_listed_once_and_named_where_it_is_met_again(chain: Person) -> None:
    make(chain, "data/derived/left.json", [3], "data/derived/clean.json")
    make(chain, "data/derived/right.json", [4], "data/derived/clean.json")
    make(chain, "models/both.json", [5], "data/derived/left.json", "data/derived/right.json")
    node = chain.project.lineage(str(chain.root / "models/both.json"), depth=8)
    (_, left), (_, right) = node.inputs
    ((_, first),) = left.inputs
    ((_, again),) = right.inputs
    assert [each.path for _, each in first.inputs] == ["data/train.csv"]
    assert (again.path, again.inputs, again.omitted) == ("data/derived/clean.json", (), "repeated")
    assert again.origin == first.origin
    assert len(around(chain, "models/both.json", "lineage").nodes) == 5


def test_ways_that_meet_again_and_again_cost_nothing(ada: Person) -> None:
    project, run = ada.project, ada.new_run()
    levels = 24  # 2 to the power of 24 ways lead back
    for level in range(levels):
        if level:
            run = ada.new_run()
            for side in (0, 1):
                project.load(ada.root / f"data/derived/{level - 1}-{side}.json", run)
        for side in (0, 1):
            project.save([level, side], ada.root / f"data/derived/{level}-{side}.json", run)
    found = around(ada, f"data/derived/{levels - 1}-0.json", "lineage", depth=100)
    assert len(found.nodes) == 2 * levels - 1
    assert chain_length(ada, levels) == levels - 1


def chain_length(person: Person, levels: int) -> int:
    """Levels of the tree back from the last file, by its first inputs."""
    node, length = person.project.lineage(str(person.root / f"data/derived/{levels - 1}-0.json"), depth=100), 0
    while node.inputs:
        node, length = node.inputs[0][1], length + 1
    return length


def test_a_file_that_is_read_and_overwritten_ends_where_the_circle_closes(ada: Person) -> None:
    ada.save([1], "data/derived/a.json")
    make(ada, "data/derived/b.json", [2], "data/derived/a.json")
    make(ada, "data/derived/a.json", [1], "data/derived/b.json")
    node = ada.project.lineage(str(ada.root / "data/derived/a.json"), depth=100)
    ((_, b),) = node.inputs
    ((_, a),) = b.inputs
    assert (a.path, a.omitted, a.inputs) == ("data/derived/a.json", "repeated", ())
    assert drawn(around(ada, "data/derived/a.json", "impact")) == [
        ("data/derived/a.json", "made", "data/derived/b.json"),
        ("data/derived/b.json", "made", "data/derived/a.json"),
    ]


def test_a_file_in_a_signed_folder_is_linked_with_the_folder_both_ways(ada: Person) -> None:
    make(ada, "data/derived/parts/1.json", [1])
    ada.write("data/derived/parts/2.csv")
    ada.sign("data/derived/parts")
    run = ada.new_run()
    ada.load("data/derived/parts/2.csv", run)
    ada.save([7], "models/of-a-file.json", run)
    folder, part, model = "data/derived/parts", "data/derived/parts/1.json", "models/of-a-file.json"
    # The folder came from what a run made of its own, and what used one of its files came from the folder.
    assert (part, "part", folder) in drawn(around(ada, folder, "lineage"))
    assert (f"{folder}/2.csv", "part", folder) in drawn(around(ada, folder, "impact"))
    assert (f"{folder}/2.csv", "made", model) in drawn(around(ada, folder, "impact"))
    # What was made of a file is made of the folder; the files beside it have nothing to do with it.
    assert drawn(around(ada, model, "lineage")) == [(f"{folder}/2.csv", "made", model), (f"{folder}/2.csv", "part", folder)]
    assert drawn(around(ada, part, "impact")) == [(part, "part", folder)]
    (file,) = ada.project.lineage(str(ada.root / model), depth=8).inputs
    assert [each.path for each in file[1].folders] == [folder]
    shown = ada.mlsc("lineage", model).stdout
    assert "it lies in the folder:" in shown
    assert "the folder that it lies in" in ada.mlsc("impact", part).stdout


def test_what_a_notebook_or_an_environment_made_is_found_by_its_name_and_its_digest(signed_dataset: Person) -> None:
    ada = signed_dataset
    ada.write("work/train.py", "import jupyter_mlsc as mlsc\nmlsc.load('data/train.csv')\nmlsc.save([1], 'models/m.json')\n")
    subprocess.run([sys.executable, "work/train.py"], cwd=ada.root, env=ada.environ, check=True, timeout=300)
    assert drawn(around(ada, "work/train.py", "impact")) == [("work/train.py", "made", "models/m.json")]
    (model,) = ada.project.impact(str(ada.root / "work/train.py"), depth=8).artifact.outputs
    assert model.origin is not None
    assert (model.origin.notebook, model.origin.cell) == ("work/train.py", None)
    assert "made by work/train.py, run" in ada.mlsc("impact", "data/train.csv").stdout
    found = ada.project.neighbourhood(str(model.origin.environment), "impact", depth=1)
    assert [node.path for node in found.nodes] == ["environment", "models/m.json"]


def test_a_copy_under_another_name_does_not_tell_where_the_original_came_from(signed_dataset: Person) -> None:
    ada = signed_dataset
    run = ada.new_run()
    frame = ada.load("data/train.csv", run)
    ada.save(frame, "data/derived/copy.csv", run)
    assert measure(ada.root / "data/derived/copy.csv").digest == measure(ada.root / "data/train.csv").digest
    assert drawn(around(ada, "data/derived/copy.csv", "lineage")) == [("data/train.csv", "made", "data/derived/copy.csv")]
    assert drawn(around(ada, "data/train.csv", "lineage")) == []


def test_a_clone_without_a_ledger_knows_what_its_claims_say(chain: Person, person: Callable[..., Person], tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(chain.root, clone, ignore=lambda folder, names: [name for name in names if name.startswith("ledger.db")])
    bob = person("bob", root=clone)
    accept(bob)
    assert not (clone / ".mlsc/ledger.db").exists()
    assert drawn(around(bob, "data/train.csv", "impact")) == drawn(around(chain, "data/train.csv", "impact"))
    assert drawn(around(bob, "models/churn.json", "lineage")) == drawn(around(chain, "models/churn.json", "lineage"))


def test_a_statement_that_stands_in_the_ledger_and_in_a_claim_file_counts_once_and_a_new_claim_is_seen(chain: Person) -> None:
    project = chain.project
    assert len(project.neighbourhood(str(chain.root / "data/train.csv"), "impact", depth=1).links) == 1
    chain.write("data/derived/other.json", "[9]")
    used = ("data/train.csv", digest_at(chain, "data/train.csv"), predicates.InputBody("allow", True))
    plant(chain, provenance(chain, "data/derived/other.json", run_key(chain), inputs=[used]))
    for asked in (project, chain.project):  # the one that has looked before, and a new process's
        after = asked.neighbourhood(str(chain.root / "data/train.csv"), "impact", depth=1)
    assert [node.path for node in after.nodes] == ["data/train.csv", "data/derived/clean.json", "data/derived/other.json"]


def test_claim_files_that_say_what_the_ledger_says_are_not_read_again_and_changed_ones_are(chain: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    around(chain, "data/train.csv", "impact")
    read: list[str] = []

    def noted(path: Path) -> bytes | str | None:
        read.append(path.name)
        return contents(path)

    monkeypatch.setattr("jupyter_mlsc.provenance.unrecorded.contents", noted)
    around(chain, "data/train.csv", "impact")
    assert read == []
    chain.write("data/derived/other.json", "[9]")
    used = ("data/train.csv", digest_at(chain, "data/train.csv"), predicates.InputBody("allow", True))
    claim = plant(chain, provenance(chain, "data/derived/other.json", run_key(chain), inputs=[used]), f"{digest_at(chain, 'models/churn.json').hex}.jsonl")
    assert "data/derived/other.json" in [node.path for node in around(chain, "data/train.csv", "impact").nodes]
    assert read == [claim.name]
    # A revocation that came with a clone, and stands in no ledger here, is marked too.
    plant(chain, revocation(chain, digest_at(chain, "data/train.csv"), vouching_key(chain)))
    assert around(chain, "data/train.csv", "impact").nodes[0].revoked
