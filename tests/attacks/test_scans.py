"""A rule that requires a scan, attacked: no scan, a scan of other bytes, by the wrong key, of another version, with its result turned round, or a baseline
that covers what nobody accepted."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc import artifact_scans, predicates, scans
from jupyter_mlsc.artifact_scans import ArtifactScan, scan_statement
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactChangedError, DecisionRefusedError, PolicyError
from jupyter_mlsc.keys import Signer
from jupyter_mlsc.recording import Run
from jupyter_mlsc.sandbox.features import probe
from jupyter_mlsc.scan.finding import Finding, Severity, finding
from jupyter_mlsc.scan.identity import scanner_digest
from jupyter_mlsc.scan.process import ScanProcess
from jupyter_mlsc.verbs.observing import observe_write
from jupyter_mlsc.verdict import Decision
from tests.attacks.forgery import stranger, vouching_key
from tests.attacks.stand_ins import standing_in
from tests.conftest import Person

HONEST = pickle.dumps({"coefficients": [0.1, 0.2], "name": "churn"})
OTHER = pickle.dumps({"coefficients": [0.3, 0.2], "name": "churn"})
HOSTILE = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."


def codes(person: Person, path: str = "models/m.pkl") -> set[str]:
    return {each.code for each in person.verify(path).reasons if each.fails}


def rewrite(person: Person, change: Callable[[str], str]) -> None:
    """Change the policy, and accept the change."""
    policy = person.root / "mlsc.toml"
    policy.write_text(change(policy.read_text()))
    assert person.mlsc("policy", "trust", "--yes").returncode == 0


@pytest.fixture
def scanning(ada: Person) -> Person:
    """Ada's project, in which models are signed by a lead and must be scanned."""

    def change(text: str) -> str:
        return re.sub(r'\[\[rule\]\][^\n]*\nmatch +=+ "models/\*\*".*?\nrequire = \["verified-inputs"\]\n', MODELS, text, flags=re.DOTALL)

    rewrite(ada, change)
    assert 'require = ["scan"]' in (ada.root / "mlsc.toml").read_text()
    ada.write("models/m.pkl", HONEST)
    return ada


MODELS = '[[rule]]\nmatch = "models/**"\nkind = "model"\nsigned = { by = "ml-lead" }\nrequire = ["scan"]\n'


def person_signer(person: Person) -> Signer:
    project = person.project
    return project.keys.signer(project.keys.find("vouching"), person.passphrases)


def put_on_record(person: Person, statement: Statement, signer: Signer, kind: str = "scan") -> None:
    project = person.project
    digest = Digest.from_in_toto(statement.subjects[0].digest)
    assert digest is not None
    name = statement.subjects[0].name
    project.books.append([entry_of(kind, seal(statement, [signer]), statement.predicate_type, [(name, digest)], project.clock())])


def a_scan(person: Person, path: str = "models/m.pkl", **changed: Any) -> Statement:
    """The statement of a scan that found nothing, with some of it changed."""
    project = person.project
    statement = scan_statement(project, path, measure(person.root / path), ArtifactScan(()), project.clock())
    predicate = json.loads(json.dumps(statement.predicate))
    predicate["mlsc"].update(changed.pop("mlsc", {}))
    predicate.update(changed)
    return Statement(statement.subjects, statement.predicate_type, predicate)


def test_a_signature_brings_the_scan_that_the_rule_asks_for(scanning: Person) -> None:
    assert codes(scanning) >= {"scan-missing", "unsigned"}
    scanning.sign("models/m.pkl")
    assert codes(scanning) == set()
    assert scanning.load("models/m.pkl")["name"] == "churn"


def test_what_does_not_pass_is_not_signed_where_a_rule_asks_for_a_scan(scanning: Person) -> None:
    scanning.write("models/m.pkl", HOSTILE)
    with pytest.raises(DecisionRefusedError, match=r"posix\.system"):
        scanning.sign("models/m.pkl")
    assert "unsigned" in codes(scanning)


def test_a_scan_of_other_bytes_or_of_another_name_says_nothing(scanning: Person) -> None:
    scanning.sign("models/m.pkl")
    scanning.write("models/m.pkl", OTHER)
    assert "scan-missing" in codes(scanning)
    shutil.copy(scanning.root / "models/m.pkl", scanning.root / "models/n.pkl")
    scanning.sign("models/n.pkl")
    assert "scan-missing" in codes(scanning)


def test_a_runs_word_is_not_enough_where_only_a_person_may_sign(scanning: Person) -> None:
    scanning.sign("models/m.pkl")
    scanning.write("models/m.pkl", OTHER)
    put_on_record(scanning, a_scan(scanning), scanning.project.run_signer)
    assert "scan-missing" in codes(scanning)
    assert scanning.mlsc("scan", "models/m.pkl").returncode == 0
    assert "scan-missing" in codes(scanning)


def test_a_runs_word_counts_where_the_rule_says_so(scanning: Person) -> None:
    rewrite(scanning, lambda text: text.replace('require = ["scan"]', 'require = ["scan"]\nscan = { by = ["ml-lead", "builder"] }'))
    assert scanning.mlsc("scan", "models/m.pkl").returncode == 0
    assert codes(scanning) == {"unsigned"}


def test_a_stranger_cannot_say_that_it_was_scanned(scanning: Person) -> None:
    put_on_record(scanning, a_scan(scanning), stranger())
    assert "scan-missing" in codes(scanning)


def test_a_scan_by_another_version_or_with_other_lists_does_not_count(scanning: Person) -> None:
    signer = person_signer(scanning)
    put_on_record(scanning, a_scan(scanning, mlsc={"scanner": "sha256:" + "0" * 64}), signer)
    assert "scan-missing" in codes(scanning)
    put_on_record(scanning, a_scan(scanning, mlsc={"scanner": scanner_digest(frozenset({"os.system"}), frozenset())}), signer)
    assert "scan-missing" in codes(scanning)
    put_on_record(scanning, a_scan(scanning, mlsc={"scanner": scanner_digest(frozenset(), frozenset({"https://x.test/simple"}))}), signer)
    assert "scan-missing" in codes(scanning)
    put_on_record(scanning, a_scan(scanning), signer)
    assert "scan-missing" not in codes(scanning)


def test_what_the_policy_allows_more_of_is_scanned_again(scanning: Person) -> None:
    scanning.sign("models/m.pkl")
    assert codes(scanning) == set()
    rewrite(scanning, lambda text: text + '\n[unpickle]\nallow = ["mypackage.Net"]\n')
    assert codes(scanning) == {"scan-missing"}


def test_a_result_that_its_own_findings_contradict_is_not_counted(scanning: Person) -> None:
    bad = [{"code": "pickle-code", "severity": "critical"}]
    put_on_record(scanning, a_scan(scanning, mlsc={"findings": bad}), person_signer(scanning))
    assert "scan-missing" in codes(scanning)


def test_the_newest_scan_decides_and_a_failed_one_blocks(scanning: Person) -> None:
    scanning.sign("models/m.pkl")
    project = scanning.project
    found = finding("pickle-code", "", global_name="os.system")
    assert found.severity is Severity.CRITICAL
    measured = measure(scanning.root / "models/m.pkl")
    at = project.gatherer.later_than_all("models/m.pkl", project.clock())
    put_on_record(scanning, scan_statement(project, "models/m.pkl", measured, ArtifactScan((found,)), at), person_signer(scanning))
    assert codes(scanning) == {"scan-failed"}


def test_a_scan_for_another_project_does_not_count(scanning: Person) -> None:
    put_on_record(scanning, a_scan(scanning, mlsc={"project": "another-project-0123"}), person_signer(scanning))
    assert "scan-missing" in codes(scanning)


def test_a_scan_whose_subject_is_another_file_is_not_read(scanning: Person) -> None:
    said = a_scan(scanning)
    put_on_record(scanning, Statement((Subject("models/n.pkl", said.subjects[0].digest),), said.predicate_type, said.predicate), person_signer(scanning))
    assert "scan-missing" in codes(scanning)


def test_what_a_person_accepted_passes_for_these_bytes_only(scanning: Person) -> None:
    unlisted = b"\x80\x02cmypackage.models\nNet\n)\x81."
    scanning.write("models/m.pkl", unlisted)
    with pytest.raises(DecisionRefusedError, match=r"mypackage.models.Net"):
        scanning.sign("models/m.pkl")
    done = scanning.mlsc("scan", "models/m.pkl", "--accept", "pickle-unlisted", "--why", "our own class")
    assert done.returncode == 0, done.stderr
    scanning.sign("models/m.pkl")
    assert codes(scanning) == set()
    scanning.write("models/m.pkl", unlisted.replace(b"Net", b"Mal"))
    assert scanning.mlsc("scan", "models/m.pkl").returncode == 1
    with pytest.raises(DecisionRefusedError):
        scanning.sign("models/m.pkl")


def test_what_was_accepted_does_not_cover_another_finding(scanning: Person) -> None:
    both = b"\x80\x02cmypackage.models\nNet\n)\x810" + HOSTILE[2:]
    scanning.write("models/m.pkl", both)
    assert scanning.mlsc("scan", "models/m.pkl", "--accept", "pickle-unlisted", "--why", "ours").returncode == 1
    with pytest.raises(DecisionRefusedError, match=r"posix.system"):
        scanning.sign("models/m.pkl")


def test_nobody_accepts_what_is_not_found_or_without_a_reason(scanning: Person) -> None:
    assert scanning.mlsc("scan", "models/m.pkl", "--accept", "pickle-code", "--why", "x").returncode == 2
    scanning.write("models/m.pkl", HOSTILE)
    assert scanning.mlsc("scan", "models/m.pkl", "--accept", "pickle-code").returncode == 2


def test_a_baseline_that_was_altered_or_signed_by_a_run_is_refused(scanning: Person) -> None:
    scanning.write("models/m.pkl", HOSTILE)
    measured = measure(scanning.root / "models/m.pkl")
    project = scanning.project
    body = scans.BaselineBody("models/m.pkl", project.project_id, measured.size, ("pickle-code",), "harmless", project.clock(), "terminal")
    digest = measured.digest
    assert digest is not None
    made = Statement((Subject("models/m.pkl", digest.in_toto()),), scans.BASELINE, predicates.to_predicate(body))
    put_on_record(scanning, made, project.run_signer, "baseline")
    assert scanning.mlsc("scan", "models/m.pkl").returncode == 1

    claims = scanning.root / ".mlsc" / "claims"
    envelope = seal(made, [project.run_signer]).to_json()
    text = envelope.decode() if isinstance(envelope, bytes) else envelope
    document = json.loads(text)
    document["signatures"][0]["keyid"] = person_signer(scanning).public.key_id
    (claims / f"{digest.hex}.jsonl").write_text(json.dumps(document) + "\n")
    assert scanning.mlsc("scan", "models/m.pkl").returncode == 1
    with pytest.raises(DecisionRefusedError):
        scanning.sign("models/m.pkl")


def test_a_saved_model_is_scanned_where_runs_may_say_so(ada: Person) -> None:
    rewrite(ada, lambda text: text.replace("[[rule]]", f"{DEV}\n[[rule]]", 1))
    saved = ada.save({"a": [1, 2]}, "models/dev/m.pkl")
    assert [each.code for each in saved.verdict.reasons if each.fails] == []
    assert codes(ada, "models/dev/m.pkl") == set()


DEV = MODELS.replace('by = "ml-lead"', 'by = ["ml-lead", "builder"]').replace("models/**", "models/dev/**")


@pytest.mark.skipif(not probe().complete, reason="this kernel has no Landlock or seccomp")
def test_what_a_supervised_tree_writes_is_scanned_before_its_run_vouches_for_it(ada: Person) -> None:
    """By the supervisor's side, whatever the tree says: a hostile file is told, its record says `block`, and no later process gets it."""
    rewrite(ada, lambda text: text.replace("[[rule]]", f"{DEV}\n[[rule]]", 1))
    (ada.root / "models/dev").mkdir(parents=True)
    program = f"for name, data in (('bad', {HOSTILE!r}), ('good', {HONEST!r})): open(f'models/dev/{{name}}.pkl', 'wb').write(data)"
    done = ada.mlsc("exec", "--", sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    assert "bad.pkl was written, and a scan of it finds pickle-code" in done.stderr
    assert "good.pkl" not in done.stderr
    assert codes(ada, "models/dev/bad.pkl") == {"scan-failed"}
    assert codes(ada, "models/dev/good.pkl") == set()
    assert vouched(ada) == {"models/dev/bad.pkl": "block", "models/dev/good.pkl": "allow"}
    reading = "[print(open(f'models/dev/{name}.pkl', 'rb').read(2)) for name in ('good', 'bad')]"
    later = ada.mlsc("exec", "--", sys.executable, "-c", reading)
    assert later.returncode != 0
    assert (later.stdout, "scan-failed" in later.stderr) == ("b'\\x80\\x04'\n", True)


def vouched(person: Person) -> dict[str, str]:
    """What runs say of their outputs: the policy's decision, sealed in each one's provenance."""
    told = json.loads(person.mlsc("log", "show", "--json").stdout)
    return {entry["path"]: entry["verdict"] for entry in told if entry["kind"] == "write"}


def test_what_a_guarded_run_was_seen_writing_is_scanned_too(ada: Person) -> None:
    rewrite(ada, lambda text: text.replace("[[rule]]", f"{DEV}\n[[rule]]", 1))
    project = ada.project
    run = Run(project.project_id)
    for name, data, decision in (("bad", HOSTILE, Decision.BLOCK), ("good", HONEST, Decision.ALLOW)):
        ada.write(f"models/dev/{name}.pkl", data)
        verdict = observe_write(project, ada.root / f"models/dev/{name}.pkl", run, observed=True)
        assert verdict is not None
        assert verdict.decision is decision
    assert codes(ada, "models/dev/bad.pkl") == {"scan-failed"}


def test_what_fails_the_scan_is_not_promoted(scanning: Person) -> None:
    policy = scanning.root / "mlsc.toml"
    rule = MODELS.replace("models/**", "models/production/**")
    free = MODELS.replace('require = ["scan"]\n', "")
    text = policy.read_text().replace(MODELS.strip(), free.strip()).replace("[[rule]]", f"{rule}\n[[rule]]", 1)
    rewrite(scanning, lambda _: text + '\n[stages]\nproduction = { into = "models/production" }\n')
    scanning.write("models/bad.pkl", HOSTILE)
    scanning.sign("models/bad.pkl")
    assert codes(scanning, "models/bad.pkl") == set()
    refused = scanning.mlsc("promote", "models/bad.pkl", "--to", "production")
    assert refused.returncode == 1
    assert "scan-failed" in refused.stdout + refused.stderr
    assert not (scanning.root / "models/production/bad.pkl").exists()
    scanning.sign("models/m.pkl")
    # Weights run no code, so nobody has scanned them under their first name: the promotion does.
    scanning.write("models/w.safetensors", b"\x02\0\0\0\0\0\0\0{}")
    scanning.sign("models/w.safetensors")
    for name in ("m.pkl", "w.safetensors"):
        assert scanning.mlsc("promote", f"models/{name}", "--to", "production").returncode == 0
        assert codes(scanning, f"models/production/{name}") == set()


def test_a_rule_that_requires_a_scan_says_whose_counts(ada: Person) -> None:
    policy = ada.root / "mlsc.toml"
    policy.write_text(policy.read_text() + '\n[[rule]]\nmatch = "other/**"\nrequire = ["scan"]\n')
    with pytest.raises(PolicyError, match="does not say whose counts"):
        _ = ada.project
    policy.write_text(policy.read_text().replace('require = ["scan"]', 'scan = { by = "ml-lead" }\nrequire = ["provenance"]'))
    with pytest.raises(PolicyError, match="requires none"):
        _ = ada.project


def test_taking_the_scan_out_of_a_rule_is_shown_as_weaker(scanning: Person) -> None:
    policy = scanning.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('require = ["scan"]\n', ""))
    shown = scanning.mlsc("policy", "trust")
    assert "[weaker]" in shown.stdout + shown.stderr


def test_a_person_who_may_not_sign_cannot_accept_either(scanning: Person, person: Callable[..., Person]) -> None:
    elsewhere = person("bob", root=scanning.root.parent / "of-bob")
    elsewhere.init()
    bob = Person("bob", elsewhere.home, scanning.root)
    key = vouching_key(bob).public.base64_der
    rewrite(scanning, lambda text: text.replace("[roles]", f'bob = {{ key = "{key}" }}\n\n[roles]', 1))
    assert bob.mlsc("policy", "trust", "--yes").returncode == 0
    scanning.write("models/m.pkl", HOSTILE)
    refused = bob.mlsc("scan", "models/m.pkl", "--accept", "pickle-code", "--why", "fine")
    assert refused.returncode == 1, refused.stderr
    assert "may not accept" in refused.stderr


def test_bytes_that_stand_in_for_scanned_ones_get_no_statement(scanning: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is another one, with a hostile file of the same name, from when the honest file was opened until it was scanned."""
    rewrite(scanning, lambda text: text.replace('require = ["scan"]', 'require = ["scan"]\nscan = { by = ["ml-lead", "builder"] }'))
    folder, aside = scanning.root / "models", scanning.root / "aside"
    hand_over, next_findings = ScanProcess.hand_over, ScanProcess.next_findings

    def then_swapped(process: ScanProcess, path: str, descriptor: int) -> None:
        hand_over(process, path, descriptor)
        folder.rename(aside)
        folder.mkdir()
        (folder / "m.pkl").write_bytes(HOSTILE)

    def then_swapped_back(process: ScanProcess) -> tuple[Finding, ...]:
        found = next_findings(process)
        shutil.rmtree(folder)
        aside.rename(folder)
        return found

    monkeypatch.setattr(ScanProcess, "hand_over", then_swapped)
    monkeypatch.setattr(ScanProcess, "next_findings", then_swapped_back)
    assert scanning.project.scan([folder / "m.pkl"]).ok
    assert codes(scanning) == {"unsigned"}, "the honest file was scanned"
    scanning.write("models/m.pkl", HOSTILE)
    assert "scan-missing" in codes(scanning)


def _accepts(person: Person, path: str) -> None:
    person.project.accept(person.root / path, ["pickle-code"], why="known", channel="terminal", passphrases=person.passphrases)


def _signs(person: Person, path: str) -> None:
    person.sign(path)


def _promotes(person: Person, path: str) -> None:
    person.project.promote(person.root / path, "production", note="", channel="terminal", passphrases=person.passphrases)


@pytest.mark.parametrize(
    ("does", "named", "there", "shown"),
    [
        pytest.param(_signs, "models/m.pkl", HOSTILE, HONEST, id="signing a file"),
        pytest.param(_signs, "models/m", HOSTILE, HONEST, id="signing a folder"),
        pytest.param(_promotes, "models/w.safetensors", b"\x02\0\0\0\0\0\0\0{}", b"\x03\0\0\0\0\0\0\0{ }", id="promoting"),
        pytest.param(_accepts, "models/m.pkl", HONEST, HOSTILE, id="accepting what is not there"),
    ],
)
def test_what_stands_in_for_a_file_while_it_is_scanned_is_noticed(
    scanning: Person, monkeypatch: pytest.MonkeyPatch, does: Callable[[Person, str], None], named: str, there: bytes, shown: bytes
) -> None:
    """The folder is another one from when the file was measured until it was scanned, and the first one again when it is looked at in the end."""
    file = named + ("/part.pkl" if named == "models/m" else "")
    if does is _promotes:
        rewrite(scanning, lambda text: text + '\n[stages]\nproduction = { into = "models/production" }\n')
    if named == "models/m":
        (scanning.root / "models/m.pkl").unlink()
    scanning.write(file, there)
    scanning.write(file.replace("models", "aside", 1), shown)
    if does is _promotes:
        scanning.sign(named)
    before = len(list(scanning.project.books.ledger.entries()))  # type: ignore[union-attr]
    monkeypatch.setattr(artifact_scans, "OpenedFile", standing_in(scanning.root / "models", scanning.root / "aside"))
    with pytest.raises(ArtifactChangedError, match="was replaced between being measured and being looked at"):
        does(scanning, named)
    assert (scanning.root / file).read_bytes() == there
    assert len(list(scanning.project.books.ledger.entries())) == before  # type: ignore[union-attr]


def test_what_a_tree_leaves_out_keeps_nobody_from_signing_it(scanning: Person) -> None:
    """A model's folder that git made: what OMS leaves out is no part of what is signed."""
    (scanning.root / "models/m.pkl").unlink()
    scanning.write("models/m/part.pkl", HONEST)
    scanning.write("models/m/.git/config", "[core]\n")
    scanning.write("models/m/.gitattributes", "*.pkl binary\n")
    scanning.sign("models/m")
    assert codes(scanning, "models/m") == set()


def test_a_folder_that_lacks_a_file_while_it_is_scanned_is_noticed(scanning: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that stands in has the harmless file itself, under another name of it, and not the hostile one."""
    (scanning.root / "models/m.pkl").unlink()
    scanning.write("models/m/harmless.pkl", HONEST)
    scanning.write("models/m/hostile.pkl", HOSTILE)
    scanning.write("aside/there", "")
    (scanning.root / "aside/harmless.pkl").hardlink_to(scanning.root / "models/m/harmless.pkl")
    (scanning.root / "aside/there").unlink()
    folder, aside, away = scanning.root / "models/m", scanning.root / "aside", scanning.root / "away"
    files_of = artifact_scans.files_of
    listed = 0

    def swapped(path: Path) -> list[Path]:
        nonlocal listed
        listed += 1
        if listed != 2:  # the first and the last time, its state is looked at
            return files_of(path)
        folder.rename(away)
        aside.rename(folder)
        try:
            return files_of(path)
        finally:
            folder.rename(aside)
            away.rename(folder)

    monkeypatch.setattr(artifact_scans, "files_of", swapped)
    with pytest.raises(ArtifactChangedError, match=r"hostile\.pkl was replaced between being measured and being looked at"):
        scanning.sign("models/m")
