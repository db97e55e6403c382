"""A guarded run cannot pass for a supervised one: whoever shares a process with its key could sign anything, so its key says guarded only."""

from __future__ import annotations

import json

from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import SUPERVISED, Run
from tests.conftest import Person


def _made_by(ada: Person, *, with_key_of: str) -> str:
    """The tier that `lineage` shows for a model whose provenance says `supervised` and is signed with the key of a tier."""
    project = Project.find(ada.root, ada.environ, tier=with_key_of)
    project.save({"a": 1}, ada.root / "models/m.json", Run(project.project_id, SUPERVISED))
    told = json.loads(ada.mlsc("lineage", "models/m.json", "--json").stdout)
    logged = json.loads(ada.mlsc("log", "show", "--json").stdout)
    shown = {entry["tier"] for entry in logged if entry["kind"] == "write"}
    assert shown == {told["produced_by"]["tier"]}
    assert ada.verify("models/m.json").tier == told["produced_by"]["tier"]
    return str(told["produced_by"]["tier"])


def test_the_key_of_supervised_runs_may_say_so(ada: Person) -> None:
    assert _made_by(ada, with_key_of="supervised") == "supervised"


def test_what_the_key_of_guarded_runs_signed_is_shown_as_guarded_whatever_it_says(ada: Person) -> None:
    assert _made_by(ada, with_key_of="guarded") == "guarded"
