"""The reading routes over a real server: what a person sees of a project."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from jupyter_mlsc import merkle
from tests.conftest import Person
from tests.server.conftest import Asked


async def test_status_tells_where_there_is_no_project_and_offers_to_make_one(folder: Person, ask: Asked) -> None:
    code, told = await ask("GET", "status")

    assert code == 200
    assert (told["state"], told["may"]["init"]["allowed"], told["may"]["sign"]["allowed"]) == ("no-project", True, False)


async def test_status_tells_mode_policy_ledger_and_what_the_person_may(served: Person, ask: Asked) -> None:
    code, told = await ask("GET", "status", path="work.ipynb")

    assert code == 200
    assert (told["state"], told["mode"], told["policy"], told["project"], told["tier"]) == ("ready", "enforce", "accepted", "", "guarded")
    assert told["ledger"]["size"] > 0
    assert told["may"]["sign"] == {"allowed": True, "why": ""}
    assert told["may"]["override"]["allowed"] is False
    assert told["unlocked"] is False


async def test_runs_shows_what_the_notebook_read_and_wrote_judged_as_it_is_now(served: Person, ask: Asked) -> None:
    code, told = await ask("GET", "runs", path="work.ipynb")

    assert code == 200
    rows = {row["path"]: row for row in told["rows"]}
    assert {path: (row["op"], row["verdict"], row["cell_id"]) for path, row in rows.items()} == {
        "data/train.csv": ("read", "allow", "c1"),
        "data/derived/half.csv": ("write", "allow", "c1"),
    }
    assert rows["data/train.csv"]["signers"][0]["identity"] == "ada"
    assert told["verdict"] == "allow"
    assert told["headline"].startswith("in order")
    assert told["cells"][0]["reads"] == 1
    assert told["complete"] is True


async def test_a_changed_input_is_blocked_and_said_to_be_changed(served: Person, ask: Asked) -> None:
    served.write("data/train.csv", "x,y\n9,9\n")

    _, told = await ask("GET", "runs", path="work.ipynb")

    row = next(each for each in told["rows"] if each["path"] == "data/train.csv")
    assert (row["verdict"], row["changed"], row["stale"], row["recorded"]) == ("block", True, True, "allow")
    assert "digest-mismatch" in {each["code"] for each in row["reasons"]}
    assert told["verdict"] == "block"


async def test_a_revocation_in_a_terminal_is_in_the_next_answer(served: Person, ask: Asked) -> None:
    await ask("GET", "runs", path="work.ipynb")
    served.mlsc("revoke", "data/train.csv", "--why", "bad labels")

    _, told = await ask("GET", "runs", path="work.ipynb")

    verdicts = {row["path"]: row["verdict"] for row in told["rows"]}
    assert verdicts == {"data/train.csv": "block", "data/derived/half.csv": "block"}


async def test_a_policy_that_changes_is_followed(served: Person, ask: Asked) -> None:
    await ask("GET", "status")
    text = (served.root / "mlsc.toml").read_text()
    served.write("mlsc.toml", text.replace('mode = "enforce"', 'mode = "observe"', 1))

    _, changed = await ask("GET", "status")
    served.mlsc("policy", "trust", "--yes")
    _, accepted = await ask("GET", "status")

    assert (changed["policy"], changed["mode"]) == ("changed", "enforce")
    assert (accepted["policy"], accepted["mode"]) == ("accepted", "observe")


async def test_a_policy_that_does_not_parse_is_told_with_the_line(served: Person, ask: Asked) -> None:
    served.write("mlsc.toml", "version = 1\nmode = nonsense\n")

    _, told = await ask("GET", "status")
    code, problem = await ask("GET", "runs", path="work.ipynb")

    assert told["state"] == "policy-invalid"
    assert "mlsc.toml:2" in told["notes"][0]["message"]
    assert (code, problem["code"]) == (422, "policy")


def check_inclusion(shown: dict[str, Any]) -> None:
    """What a browser does with SHA-256 alone."""
    leaf = base64.b64decode(shown["leaf"])
    value = hashlib.sha256(b"\0" + leaf).digest()
    assert value.hex() == shown["leaf_hash"]
    root = bytes.fromhex(shown["root"])
    assert merkle.verify_inclusion(value, shown["index"], shown["size"], [bytes.fromhex(each) for each in shown["path"]], root)
    lines = shown["checkpoint"].split("\n")
    assert (int(lines[1]), base64.b64decode(lines[2])) == (shown["size"], root)


async def test_an_artifact_has_its_statements_with_signatures_and_proofs_that_hold(served: Person, ask: Asked) -> None:
    _, runs = await ask("GET", "runs", path="work.ipynb")
    digest = next(row["digest"] for row in runs["rows"] if row["path"] == "data/train.csv")

    code, told = await ask("GET", f"artifacts/{digest}")

    assert code == 200
    assert (told["path"], told["present"], told["judged"]["verdict"]) == ("data/train.csv", True, "allow")
    signed = next(each for each in told["statements"] if each["kind"] == "signature")
    assert signed["signatures"] == [{"key": signed["signatures"][0]["key"], "identity": "ada", "holds": True}]
    assert '"channel": "terminal"' in signed["predicate"]
    for each in told["statements"]:
        check_inclusion(each["inclusion"])
    assert told["versions"][0] == {**told["versions"][0], "digest": digest, "present": True}


async def test_lineage_and_impact_are_graphs_with_the_cell_between(served: Person, ask: Asked) -> None:
    _, runs = await ask("GET", "runs", path="work.ipynb")
    digests = {row["path"]: row["digest"] for row in runs["rows"]}

    _, back = await ask("GET", f"lineage/{digests['data/derived/half.csv']}")
    _, forward = await ask("GET", f"impact/{digests['data/train.csv']}")

    for graph, first in ((back, "data/derived/half.csv"), (forward, "data/train.csv")):
        nodes = {node["id"]: node for node in graph["nodes"]}
        assert nodes[graph["root"]]["path"] == first
        assert sorted((node["type"], node["path"]) for node in graph["nodes"]) == [
            ("artifact", "data/derived/half.csv"),
            ("artifact", "data/train.csv"),
            ("cell", "work.ipynb"),
        ]
        links = {(nodes[edge["source"]]["path"], nodes[edge["target"]]["path"]) for edge in graph["edges"]}
        assert links == {("data/train.csv", "work.ipynb"), ("work.ipynb", "data/derived/half.csv")}


async def test_what_no_run_made_is_a_graph_of_one(served: Person, ask: Asked) -> None:
    served.write("data/alone.csv", "a\n1\n")
    (signed,) = served.sign("data/alone.csv")

    code, told = await ask("GET", f"lineage/{signed.digest}")

    assert (code, len(told["nodes"]), told["edges"]) == (200, 1, [])


async def test_a_digest_that_nothing_mentions_is_not_found(served: Person, ask: Asked) -> None:
    for route in ("artifacts", "lineage", "impact"):
        code, problem = await ask("GET", f"{route}/sha256:{'0' * 64}")

        assert (code, problem["code"]) == (404, "artifact-missing")


async def test_verify_is_what_the_command_line_says(served: Person, ask: Asked) -> None:
    _, one = await ask("GET", "verify", path="data/train.csv")
    _, whole = await ask("POST", "verify", {"path": "work.ipynb", "full": True})

    assert (one["ok"], [each["path"] for each in one["artifacts"]]) == (True, ["data/train.csv"])
    assert (whole["ok"], {each["path"] for each in whole["artifacts"]}) == (True, {"data/train.csv", "data/derived/half.csv"})


async def test_the_checkpoint_proves_that_it_extends_the_one_that_was_seen(served: Person, ask: Asked) -> None:
    _, old = await ask("GET", "log/checkpoint")
    served.write("data/more.csv", "a\n1\n")
    served.sign("data/more.csv")

    _, new = await ask("GET", "log/checkpoint", since=old["size"])

    proof = new["consistency"]
    assert (proof["old_size"], proof["new_size"]) == (old["size"], new["size"])
    assert new["size"] > old["size"]
    hashes = [bytes.fromhex(each) for each in proof["proof"]]
    assert merkle.verify_consistency(old["size"], new["size"], hashes, bytes.fromhex(old["root"]), bytes.fromhex(new["root"]))


async def test_a_ledger_that_was_put_back_is_told_as_a_fault(served: Person, ask: Asked) -> None:
    await ask("GET", "log/checkpoint")
    import shutil

    kept = served.root / ".mlsc-kept"
    shutil.copytree(served.root / ".mlsc", kept)
    served.write("data/more.csv", "a\n1\n")
    served.sign("data/more.csv")
    await ask("GET", "log/checkpoint")
    shutil.rmtree(served.root / ".mlsc")
    kept.rename(served.root / ".mlsc")

    _, told = await ask("GET", "log/checkpoint")
    _, runs = await ask("GET", "runs", path="work.ipynb")

    assert [each["code"] for each in told["faults"]] == ["ledger-inconsistent"]
    assert runs["verdict"] == "block"


async def test_a_proof_of_an_entry_holds_and_one_beyond_the_end_is_not_found(served: Person, ask: Asked) -> None:
    _, shown = await ask("GET", "log/proof/0")
    code, problem = await ask("GET", "log/proof/999999")

    check_inclusion(shown)
    assert (code, problem["code"]) == (404, "artifact-missing")


async def test_files_of_a_folder_are_marked(served: Person, ask: Asked) -> None:
    served.write("data/bad.csv", "a\n1\n")
    served.write("data/other.csv", "a\n1\n")
    served.sign("data/other.csv")
    served.write("data/other.csv", "a\n2\n")

    _, told = await ask("GET", "files", path="data")

    assert {each["name"]: each["mark"] for each in told["marks"]} == {"bad.csv": "blocked", "other.csv": "changed", "train.csv": "signed"}


async def test_the_document_and_its_page_are_served_here(served: Person, ask: Asked, jp_fetch: Any) -> None:
    code, document = await ask("GET", "openapi.json")
    page = await jp_fetch("mlsc", "api", "docs")

    assert (code, document["openapi"]) == (200, "3.1.0")
    assert b"/mlsc/api/runs" in page.body
    assert b"<script" not in page.body
    assert b"http://" not in page.body.replace(b"http://json-schema.org", b"")


async def test_the_details_of_a_changed_data_set_say_what_changed(served: Person, ask: Asked) -> None:
    text = (served.root / "data/train.csv").read_text()
    served.write("data/train.csv", text.replace("\n3,1\n", "\n3,0\n") + "99,1\n")
    _, verified = await ask("GET", "verify", path="data/train.csv", full="true")

    code, told = await ask("GET", f"artifacts/{verified['artifacts'][0]['digest']}", path="data/train.csv")

    assert code == 200
    difference = told["difference"]
    assert (difference["rows_before"], difference["rows_after"], difference["rows_added"], difference["rows_changed"]) == (50, 51, 1, 1)
    assert difference["sentence"].startswith("differs from what ada signed on ")
    assert difference["sentence"].endswith(": 1 row changed, only in the label `y` (1 to 0), row 4; 1 row added, row 51")


async def test_findings_of_a_scan_stand_with_the_artifact(served: Person, ask: Asked) -> None:
    import pickle

    served.write("data/run.csv", pickle.dumps(print))
    (signed,) = served.sign("data/run.csv")

    _, told = await ask("GET", f"artifacts/{signed.digest}", path="data/run.csv")

    assert [each["path"] for each in told["findings"]] == ["data/run.csv"] * len(told["findings"])
    assert told["findings"]
