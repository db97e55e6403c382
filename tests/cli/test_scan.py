"""``mlsc scan`` as people and programs call it: exit codes, the JSON and SARIF contracts, outside a project and in one."""

from __future__ import annotations

import json
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc.scan.codes import CODES
from tests.conftest import Person
from tests.sarif_schema import problems

HOSTILE = b"cposix\nsystem\n(S'true'\ntR."


@pytest.fixture
def elsewhere(ada: Person, tmp_path: Path) -> Person:
    """A folder that lies in no project, with an honest file, a hostile one, and one with a mild finding."""
    folder = tmp_path / "downloads"
    (folder / "deep").mkdir(parents=True)
    (folder / "fine.pkl").write_bytes(pickle.dumps([1, 2]))
    (folder / "deep" / "bad.bin").write_bytes(HOSTILE)
    (folder / "config.yaml").write_text("model:\n  _target_: torch.nn.Linear\n")
    return Person("ada", ada.home, folder)


def scan(person: Person, *arguments: str) -> tuple[int, Any]:
    done: subprocess.CompletedProcess[str] = person.mlsc("scan", *arguments)
    return done.returncode, json.loads(done.stdout) if "--json" in arguments or "--sarif" in arguments else done.stdout


def test_a_folder_is_scanned_anywhere_and_exits_with_1_where_something_is_high_or_worse(elsewhere: Person) -> None:
    code, told = scan(elsewhere, ".", "--json")
    assert code == 1
    assert told["ok"] is False
    assert told["files"] == 3
    assert [(each["path"], each["code"], each["severity"]) for each in told["findings"]] == [
        ("config.yaml", "hydra-target", "low"),
        ("deep/bad.bin", "pickle-code", "critical"),
    ]
    assert set(told["findings"][0]) == {"path", "code", "severity", "message", "where", "fix"}
    assert not list(elsewhere.root.rglob(".mlsc"))


def test_mild_findings_are_listed_and_exit_with_0(elsewhere: Person) -> None:
    assert scan(elsewhere, "fine.pkl", "config.yaml", "--json") == (
        0,
        {"ok": True, "files": 2, "findings": scan(elsewhere, "config.yaml", "--json")[1]["findings"]},
    )
    code, told = scan(elsewhere, "config.yaml")
    assert code == 0
    assert "low: hydra would call torch.nn.Linear [hydra-target]" in told
    assert "next: know what it is" in told


def test_what_is_not_there_cannot_be_scanned(elsewhere: Person) -> None:
    assert elsewhere.mlsc("scan", "nothing.pkl").returncode == 3
    assert elsewhere.mlsc("scan").returncode == 2


def test_a_sarif_log_has_a_rule_for_each_code_and_a_result_for_each_finding(elsewhere: Person) -> None:
    code, log = scan(elsewhere, ".", "--sarif")
    assert code == 1
    assert problems(json.dumps(log)) == []
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted(rules)
    assert set(rules) <= set(CODES)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (place,) = result["locations"]
        location = place["physicalLocation"]
        assert location["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert location["region"]["startLine"] >= 1
    lines = {each["ruleId"]: each["locations"][0]["physicalLocation"]["region"]["startLine"] for each in run["results"]}
    assert lines == {"hydra-target": 2, "pickle-code": 1}


def test_in_a_project_a_governed_file_is_scanned_on_record_and_its_policy_says_what_may_be_unpickled(ada: Person) -> None:
    ada.write("models/net.pkl", b"\x80\x02cmypackage.models\nNet\n)\x81.")
    assert scan(ada, "models/net.pkl")[0] == 1
    policy = ada.root / "mlsc.toml"
    policy.write_text(policy.read_text() + '\n[unpickle]\nallow = ["mypackage.models.Net"]\n')
    assert ada.mlsc("policy", "trust", "--yes").returncode == 0
    assert scan(ada, "models/net.pkl")[0] == 0
    entries = json.loads(ada.mlsc("log", "show", "--json").stdout)
    assert [entry["kind"] for entry in entries].count("scan") == 2
