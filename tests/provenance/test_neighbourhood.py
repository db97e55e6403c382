"""The graph of a real project: runs, folders and their files, copies, promotions and exceptions, what is revoked; as trees and as nodes and links."""

from __future__ import annotations

import pytest

from jupyter_mlsc.digests import measure
from jupyter_mlsc.lineage import GraphLink, Neighbourhood
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
