"""``--json``: one JSON document on stdout and nothing else, for every command and for every error, with the fields of the contract."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from here import mlsc

from tests.conftest import Person
from tests.sarif_schema import problems

VERIFY = {"ok", "mode", "artifacts"}
ARTIFACT = {"path", "digest", "kind", "verdict", "tier", "signers", "reasons", "decisions"}
LOG_ENTRY = {"index", "time", "kind", "subjects", "signer"}
OPERATION = {"path", "op", "cell_id", "execution_count", "tier", "verdict"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
DIGEST = re.compile(r"(sha256|dirhash):[0-9a-f]{64}")


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada's enforcing project: a signed data set, a model that a run made from it, and a file that nobody signed."""
    base = tmp_path_factory.mktemp("json")
    (base / "project").mkdir()
    ada = Person("ada", base / "home", base / "project")
    ada.init("enforce")
    ada.write("data/train.csv")
    ada.sign("data/train.csv")
    run = ada.new_run()
    ada.load("data/train.csv", run)
    ada.save({"weights": [1]}, "models/m.json", run)
    ada.write("data/stranger.csv", "x\n1\n")
    return ada


def said(person: Person, *arguments: str, code: int = 0) -> Any:
    """The one document of a command that must end with ``code``; whatever is not JSON fails."""
    ended = mlsc(person, *arguments)
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout)


def test_verify_has_exactly_the_fields_of_the_contract(worked: Person) -> None:
    document = said(worked, "verify", "--json", code=1)
    assert set(document) == VERIFY
    assert (document["ok"], document["mode"]) == (False, "enforce")
    found = {each["path"]: each for each in document["artifacts"]}
    assert set(found) == {"data/train.csv", "data/stranger.csv", "models/m.json"}
    for each in found.values():
        assert set(each) == ARTIFACT
        assert DIGEST.fullmatch(each["digest"])
        for signer in each["signers"]:
            assert set(signer) == {"identity", "key", "at"}
            assert RFC3339.fullmatch(signer["at"])
        for reason in each["reasons"]:
            assert set(reason) == {"code", "message", "next"}
    train, stranger, model = found["data/train.csv"], found["data/stranger.csv"], found["models/m.json"]
    assert (train["verdict"], train["kind"], train["tier"], train["reasons"]) == ("allow", "dataset", None, [])
    assert [s["identity"] for s in train["signers"]] == ["ada"]
    assert (stranger["verdict"], stranger["signers"]) == ("block", [])
    assert [r["code"] for r in stranger["reasons"]] == ["unsigned"]
    assert (model["verdict"], model["kind"]) == ("allow", "model")


RUN = {"run", "notebook", "cell", "tier", "signer", "key_revoked", "at", "environment", "code", "git_commit", "executable", "observed"}
AROUND = {"kind", "files", "folders", "revoked", "input_revoked", "places", "omitted"}


def test_lineage_has_exactly_the_fields_of_the_contract(worked: Person) -> None:
    document = said(worked, "lineage", "models/m.json", "--json")
    assert set(document) == {"artifact", "digest", "produced_by", "inputs", "precise", *AROUND}
    assert document["artifact"] == "models/m.json"
    assert DIGEST.fullmatch(document["digest"])
    assert set(document["produced_by"]) == RUN
    assert DIGEST.fullmatch(document["produced_by"]["environment"])
    (source,) = document["inputs"]
    assert set(source) == {"path", "digest", "cell", "verdict", "produced_by", "inputs", "precise", *AROUND}
    assert (source["path"], source["verdict"]) == ("data/train.csv", "allow")
    assert isinstance(document["precise"], bool)
    again = said(worked, "lineage", document["digest"], "--json")
    assert again["produced_by"] == document["produced_by"]
    assert said(worked, "lineage", "models/m.json", "--json", "--depth", "0")["inputs"] == []


def test_impact_has_exactly_the_fields_of_the_contract(worked: Person) -> None:
    document = said(worked, "impact", "data/train.csv", "--json")
    assert set(document) == {"artifact", "digest", "revoked", "input_revoked", "places", "outputs", "omitted", "other_versions"}
    assert (document["artifact"], document["revoked"], document["omitted"], document["other_versions"]) == ("data/train.csv", False, None, [])
    (model,) = document["outputs"]
    assert set(model) == {"path", "digest", "kind", "relation", "precise", "revoked", "input_revoked", "places", "outputs", "omitted", *RUN}
    assert (model["path"], model["tier"], model["outputs"], model["omitted"], model["revoked"]) == ("models/m.json", "guarded", [], None, False)
    assert DIGEST.fullmatch(model["digest"])
    assert RFC3339.fullmatch(model["at"])
    assert said(worked, "impact", document["digest"], "--json") == document
    assert said(worked, "impact", "data/train.csv", "--json", "--format", "dot") == document
    cut = said(worked, "impact", "data/train.csv", "--json", "--depth", "0")
    assert (cut["outputs"], cut["omitted"]) == ([], "depth")


def test_log_show_lists_all_entries_with_the_fields_of_the_contract(worked: Person) -> None:
    entries = said(worked, "log", "show", "--json")
    assert [each["index"] for each in entries] == list(range(len(entries)))
    for each in entries:
        assert set(each) >= LOG_ENTRY
        assert RFC3339.fullmatch(each["time"])
        for subject in each["subjects"]:
            assert set(subject) == {"name", "digest"}
        if each["kind"] in ("read", "write"):
            assert set(each) >= OPERATION
            assert each["op"] == each["kind"]
            assert each["tier"] == "guarded"
            assert not Path(each["path"]).is_absolute()
    assert [(e["kind"], e["path"]) for e in entries if e["kind"] in ("read", "write")] == [("read", "data/train.csv"), ("write", "models/m.json")]
    assert said(worked, "log", "show", "--json", "--limit", "1") == entries[-1:]


def test_every_command_prints_one_document(worked: Person, tmp_path: Path) -> None:
    for arguments, keys in (
        (("init",), {"ok", "project", "root", "identity", "key", "created"}),
        (("sign", "data/train.csv"), {"ok", "signed"}),
        (("status",), {"ok", "root", "project", "mode", "policy", "ledger", "keys", "notes"}),
        (("export", "data/train.csv", "--format", "oms", "-o", str(tmp_path / "x.sig")), {"ok", "path", "format", "output"}),
        (("log", "verify"), {"ok", "size", "faults", "repaired"}),
        (("log", "reindex"), {"ok", "size", "wrong"}),
        (("log", "checkpoint"), {"origin", "size", "root", "note", "vkey"}),
        (("log", "prove", "0"), {"ok", "index", "proof"}),
        (("keys", "export"), {"name", "role", "algorithm", "id", "public", "pem"}),
        (("policy", "check"), {"ok", "digest", "mode", "asks"}),
        (("policy", "explain", "data/train.csv"), {"verdict", "layers"}),
        (("policy", "trust"), {"ok", "accepted", "changes"}),
    ):
        document = said(worked, *arguments, "--json")
        assert set(document) >= keys, arguments
    for entry in said(worked, "keys", "list", "--json"):
        assert set(entry) >= {"name", "role", "algorithm", "id", "public", "retired"}


def test_global_options_may_stand_before_and_after_the_command(worked: Person) -> None:
    assert said(worked, "--json", "verify", "data/train.csv") == said(worked, "verify", "data/train.csv", "--json")
    assert said(worked, "--json", "keys", "list") == said(worked, "keys", "list", "--json")
    assert said(worked, "--policy", "mlsc.toml", "--json", "verify", "data/train.csv")["ok"] is True
    assert said(worked, "verify", "--policy", "mlsc.toml", "--json", "data/train.csv")["ok"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("verfy",), 2, "UsageError"),
        (("verify", "--nonsense"), 2, "UsageError"),
        (("log", "prove", "many"), 2, "UsageError"),
        (("verify", "data/missing.csv"), 3, "ArtifactMissingError"),
        (("export", "data/stranger.csv", "--format", "oms"), 1, "BlockedArtifactError"),
        (("verify", "--policy", "nowhere.toml"), 2, "PolicyError"),
        (("policy", "check", "--policy", "nowhere.toml"), 2, "PolicyError"),
        (("keys", "export", "nobody"), 3, "KeyUnavailableError"),
        (("init", "--mode", "strict"), 2, "UsageError"),
    ],
)
def test_an_error_is_one_document_too(worked: Person, arguments: tuple[str, ...], code: int, kind: str) -> None:
    document = said(worked, "--json", *arguments, code=code)
    assert document["ok"] is False
    assert document["error"]["type"] == kind
    assert document["error"]["message"]
    assert document["error"]["next"]


def test_a_file_that_is_called_like_the_option_is_a_file(worked: Person) -> None:
    ended = mlsc(worked, "verify", "--", "--json")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "does not exist" in ended.stderr


def test_quiet_leaves_results_and_takes_away_advice(worked: Person) -> None:
    loud, quiet = mlsc(worked, "init"), mlsc(worked, "init", "--quiet")
    assert loud.stdout == quiet.stdout
    assert loud.stderr.startswith("next: ")
    assert quiet.stderr == ""


def test_sarif_is_a_log_of_version_2_1_0(worked: Person) -> None:
    log = said(worked, "verify", "--sarif", code=1)
    assert problems(json.dumps(log)) == []
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "jupyter_mlsc"
    assert driver["version"]
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(rules) == len(set(rules))
    for rule in driver["rules"]:
        assert set(rule) <= {"id", "name", "shortDescription", "fullDescription", "helpUri", "help", "defaultConfiguration"}
        assert rule["shortDescription"]["text"]
    (result,) = run["results"]
    assert result["ruleId"] == "unsigned"
    assert rules[result["ruleIndex"]] == "unsigned"
    assert result["level"] == "error"
    assert "mlsc sign data/stranger.csv" in result["message"]["text"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {"uri": "data/stranger.csv", "uriBaseId": "PROJECT"}
    assert location["physicalLocation"]["region"] == {"startLine": 1}
    assert all(isinstance(v, str) for v in result["partialFingerprints"].values())
    assert set(run["originalUriBaseIds"]) == {"PROJECT"}
    assert said(worked, "verify", "--sarif", "data/train.csv")["runs"][0]["results"] == []
