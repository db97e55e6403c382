"""SARIF logs are held against OASIS' schema: every code of a finding, every reason of a verdict, and names of every kind."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.export.sarif import findings_log, sarif_log
from jupyter_mlsc.scan.codes import CODES
from jupyter_mlsc.scan.finding import Finding, finding
from jupyter_mlsc.verdict import Decision, Mode, Verdict, reason, reason_codes, reason_template
from tests.sarif_schema import problems

PATHS = ("plain.pkl", "with space/ü.pkl", "/absolute/a#b?.pkl", "../above.pkl", "./here.pkl", "a:b", "new\nline", "100%.csv", "\udcff\udc80.pkl", "")
FACT = re.compile(r"\{(\w+)")


def of(code: str, path: str = "m.pkl", where: str = "") -> Finding:
    row = CODES[code]
    return finding(code, path, where, **dict.fromkeys(FACT.findall(row.message + row.fix), "a fact"))


def test_a_finding_of_every_code_is_valid_as_a_result_and_as_an_accepted_one() -> None:
    found = [of(code) for code in CODES]
    for log in (findings_log(found, "1.0"), findings_log(found, "1.0", accepted=found), findings_log([], "1.0")):
        assert problems(log) == []
    (run,) = json.loads(findings_log([], "1.0", accepted=found))["runs"]
    assert len(run["results"]) == len(CODES)
    assert all(each["suppressions"] for each in run["results"])


@pytest.mark.parametrize("where", ["", "line 3", "line 0", "line 999999999", "weights.zip!data.pkl, offset 3", "cell 2, line 4"])
def test_a_file_of_any_name_has_a_valid_location(where: str) -> None:
    log = findings_log([of("pickle-code", path, where) for path in PATHS], "1.0")
    assert problems(log) == []
    uris = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in json.loads(log)["runs"][0]["results"]]
    assert uris[1] == "with%20space/%C3%BC.pkl"
    assert uris[2] == "file:///absolute/a%23b%3F.pkl"
    assert uris[8] == "%FF%80.pkl"
    assert len(set(uris)) == len(PATHS)


@pytest.mark.parametrize("decision", Decision)
def test_a_verdict_with_every_reason_is_valid(decision: Decision) -> None:
    reasons = tuple(reason(code, **dict.fromkeys(FACT.findall("".join(reason_template(code))), "a fact")) for code in reason_codes())
    verdict = Verdict("data/x.csv", Digest("sha256", "a" * 64), "dataset", decision, Mode.ENFORCE, reasons)
    log = sarif_log([verdict, *(msgspec.structs.replace(verdict, path=path, digest=None) for path in PATHS)], "1.0")
    assert problems(log) == []
    assert {each["ruleId"] for each in json.loads(log)["runs"][0]["results"]} == {each.code for each in reasons if each.fails or each.code == "overridden"}
    assert problems(sarif_log([], "1.0")) == []


def test_a_rule_says_what_all_its_results_have_in_common() -> None:
    (rule,) = json.loads(findings_log([of("pickle-code")], "1.0"))["runs"][0]["tool"]["driver"]["rules"]
    assert rule["fullDescription"]["text"] == "Loading it would call …, which can run any code."
    assert rule["help"]["text"].startswith("Do not load it;")
    rules = json.loads(findings_log([of(code) for code in CODES], "1.0"))["runs"][0]["tool"]["driver"]["rules"]
    assert not [each["id"] for each in rules if each.get("name", "").lower() == each["id"]]
    assert not [each["id"] for each in rules if "{" in each["fullDescription"]["text"] + each["help"]["text"]]
