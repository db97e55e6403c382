"""Which version of a policy rules, from the attacker's side: clones, edits, forged, misdirected and replayed changes, damaged copies."""

from __future__ import annotations

import json
import os
import stat
from itertools import pairwise

import pytest
from policy_cases import DATA, IDENTITIES, NOW, OTHER_PROJECT, PROJECT, encoded, key_id, policy_text

from jupyter_mlsc.errors import PolicyError
from jupyter_mlsc.policy import AcceptedPolicies, PolicyChange, resolve

OLD = policy_text(DATA)
NEW = policy_text(DATA + '\nrequire = ["provenance"]')
NEWER = policy_text(DATA + '\nrequire = ["provenance", "verified-inputs"]')
FOREIGN = policy_text(DATA, project=OTHER_PROJECT)


def digest(text):
    return layer_of(text).digest


def layer_of(text):
    from jupyter_mlsc.policy import parse_policy

    return parse_policy(text, "mlsc.toml", "project")


@pytest.fixture
def accepted(tmp_path):
    return AcceptedPolicies(tmp_path / "accepted").accept(PROJECT, OLD, 3, "origin", NOW)


def change(by="alice", *, old=OLD, new=NEW, counter=4, project=PROJECT):
    return PolicyChange(project, digest(old), digest(new), counter, tuple(key_id(owner) for owner in by.split("+")))


def found(text, accepted, *changes):
    return resolve(text, "mlsc.toml", accepted, lambda _: list(changes))


def test_the_accepted_text_rules(accepted):
    resolution = found(OLD, accepted)
    assert (resolution.state, resolution.layer.counter, resolution.notes, resolution.to_accept) == ("accepted", 3, (), None)
    assert resolution.layer.accepted


def test_a_clone_that_brings_its_own_trust_gets_none():
    resolution = found(policy_text(DATA, head=IDENTITIES.replace(encoded("alice"), encoded("mallory"))), None)
    assert (resolution.state, resolution.layer.accepted) == ("untrusted", False)
    assert [note.code for note in resolution.notes] == ["policy-untrusted"]


def test_a_clone_with_the_id_of_a_project_that_was_accepted_does_not_rule_it(accepted):
    """The attacker copies the id and puts own keys in; the version that was accepted rules on."""
    hostile = policy_text(DATA, mode="observe", head=IDENTITIES.replace(encoded("alice"), encoded("mallory")))
    resolution = found(hostile, accepted)
    assert (resolution.state, resolution.layer.digest) == ("changed", digest(OLD))
    assert key_id("mallory") not in resolution.layer.owners


def test_another_project_id_than_the_accepted_one_is_trusted_by_nobody(accepted):
    assert found(FOREIGN, accepted).state == "untrusted"


@pytest.mark.parametrize("edited", [OLD + "\n", OLD + "# a comment\n", OLD.replace("\n", "\r\n"), NEW])
def test_a_policy_that_was_edited_after_it_was_accepted_does_not_rule(accepted, edited):
    resolution = found(edited, accepted)
    assert (resolution.state, resolution.layer.digest, resolution.layer.counter) == ("changed", digest(OLD), 3)
    assert [(note.code, note.fails) for note in resolution.notes] == [("policy-changed", False)]


def test_a_policy_that_does_not_parse_is_an_error_whatever_was_accepted(accepted):
    with pytest.raises(PolicyError, match="not TOML"):
        found("version = ", accepted)


def test_a_change_that_an_admin_signed_rules_and_is_kept(accepted):
    resolution = found(NEW, accepted, change())
    assert (resolution.state, resolution.layer.digest, resolution.layer.counter) == ("accepted", digest(NEW), 4)
    assert resolution.to_accept is not None
    assert (resolution.to_accept.counter, resolution.to_accept.text, resolution.to_accept.signers) == (4, NEW.encode(), ("alice",))


def test_changes_follow_one_another(accepted):
    steps = [change(old=NEW, new=NEWER, counter=6), change(counter=5)]
    resolution = found(NEWER, accepted, *steps)
    assert (resolution.state, resolution.layer.counter) == ("accepted", 6)


def test_a_long_chain_is_followed_in_whatever_order_it_is_found(accepted):
    texts = [OLD, *(OLD + f"# version {n}\n" for n in range(8))]
    steps = [change(old=a, new=b, counter=n) for n, (a, b) in enumerate(pairwise(texts), 4)]
    for found_so in (steps, steps[::-1]):
        assert found(texts[-1], accepted, *found_so).layer.counter == 11


def test_one_of_several_signatures_is_an_admins(accepted):
    assert found(NEW, accepted, change("mallory+alice-2")).to_accept.signers == ("alice",)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (NEW, [change("bob")]),
        (NEW, [change("mallory")]),
        (NEW, [change("bob-runs")]),
        (NEW, [change("alice-runs")]),
        (NEW, [change(old=NEWER)]),
        (NEW, [change(counter=3)]),
        (NEW, [change(counter=2)]),
        (NEW, [change(project=OTHER_PROJECT)]),
        (NEW, [change(new=NEWER)]),
        (NEWER, [change(counter=5), change(old=NEW, new=NEWER, counter=5)]),
        (NEWER, [change(counter=5), change("bob", old=NEW, new=NEWER, counter=6)]),
        (NEWER, [change("bob", counter=5), change(old=NEW, new=NEWER, counter=6)]),
        (NEW, []),
    ],
    ids=[
        "by a person who is no admin",
        "by a stranger",
        "by a run that the role lists",
        "by an admin's run",
        "with another predecessor",
        "with the same counter",
        "with a lower counter",
        "of another project",
        "to another text",
        "a chain whose counter stands still",
        "a chain whose second step is no admin's",
        "a chain whose first step is no admin's",
        "with no signature",
    ],
)
def test_a_change_that_does_not_follow_rules_nothing(accepted, text, changes):
    resolution = found(text, accepted, *changes)
    assert (resolution.state, resolution.layer.digest, resolution.to_accept) == ("changed", digest(OLD), None)


def test_an_old_version_and_its_old_signature_put_back_do_not_rule(tmp_path):
    kept = AcceptedPolicies(tmp_path).accept(PROJECT, NEW, 4, None, NOW)
    replayed = [change(counter=4), PolicyChange(PROJECT, digest(NEWER), digest(OLD), 3, (key_id("alice"),))]
    assert found(OLD, kept, *replayed).state == "changed"


def test_changes_that_go_round_in_a_circle_end(accepted):
    steps = [change(old=a, new=b, counter=n) for n, (a, b) in enumerate([(OLD, NEW), (NEW, OLD)] * 50, 4)]
    assert found(NEW, accepted, *steps).layer.counter == 4


class TestKeptFiles:
    def test_what_was_accepted_is_read_back_as_it_was(self, tmp_path):
        policies = AcceptedPolicies(tmp_path / "deep" / "accepted")
        assert policies.current(PROJECT) is None
        text = OLD.replace("\n", "\r\n")
        kept = policies.accept(PROJECT, text, 1, "origin", NOW)
        assert policies.current(PROJECT) == kept
        assert kept.text == text.encode()
        assert (kept.counter, kept.ledger_origin, kept.accepted_at) == (1, "origin", NOW)
        assert AcceptedPolicies(policies.folder).current(OTHER_PROJECT) is None

    def test_files_are_private_and_nothing_is_left_lying(self, tmp_path):
        policies = AcceptedPolicies(tmp_path / "accepted")
        policies.accept(PROJECT, OLD, 1, None, NOW)
        policies.accept(PROJECT, NEW, 2, None, NOW)
        files = list(policies.folder.iterdir())
        assert sorted(f.suffix for f in files) == [".json", ".toml", ".toml"]
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
        assert stat.S_IMODE(policies.folder.stat().st_mode) == 0o700
        assert policies.current(PROJECT).counter == 2

    def test_an_id_that_is_a_path_names_no_other_file(self, tmp_path):
        policies = AcceptedPolicies(tmp_path / "accepted")
        for identifier in ("../../outside", "/etc/passwd", "a/b"):
            policies.accept(identifier, OLD, 1, None, NOW)
            assert policies.current(identifier) is not None
        assert [p.name for p in tmp_path.iterdir()] == ["accepted"]

    @pytest.mark.parametrize("suffix", [".toml", ".json"])
    @pytest.mark.parametrize("damage", ["cut", "one byte", "empty", "swapped"])
    def test_a_damaged_copy_is_an_error_and_never_a_policy(self, tmp_path, suffix, damage):
        policies = AcceptedPolicies(tmp_path)
        policies.accept(PROJECT, OLD, 1, None, NOW)
        (path,) = tmp_path.glob("*" + suffix)
        raw = path.read_bytes()
        if damage == "swapped":
            other = AcceptedPolicies(tmp_path / "other")
            other.accept(OTHER_PROJECT, FOREIGN, 1, None, NOW)
            (source,) = other.folder.glob("*" + suffix)
            path.write_bytes(source.read_bytes())
        else:
            path.write_bytes({"cut": raw[:-40], "one byte": raw.replace(b"data" if suffix == ".toml" else b"sha256:", b"dbta", 1), "empty": b""}[damage])
        with pytest.raises(PolicyError, match=r"changed since|damaged|missing") as caught:
            policies.current(PROJECT)
        assert "mlsc policy trust" in str(caught.value)

    def test_a_record_cannot_point_to_a_text_elsewhere(self, tmp_path):
        policies = AcceptedPolicies(tmp_path / "accepted")
        policies.accept(PROJECT, OLD, 1, None, NOW)
        (record,) = policies.folder.glob("*.json")
        kept = json.loads(record.read_text())
        (tmp_path / "evil.toml").write_text(NEW)
        for pointing in ("sha256:../../evil", "../evil", "sha256:" + "0" * 64, 7, None):
            record.write_text(json.dumps({**kept, "digest": pointing}))
            with pytest.raises(PolicyError, match=r"missing|damaged|changed since"):
                policies.current(PROJECT)

    def test_a_record_of_another_project_put_in_this_ones_place_is_no_policy(self, tmp_path):
        ours, theirs = AcceptedPolicies(tmp_path / "ours"), AcceptedPolicies(tmp_path / "theirs")
        ours.accept(PROJECT, OLD, 1, None, NOW)
        theirs.accept(OTHER_PROJECT, OLD, 1, None, NOW)
        (record,), (foreign,) = ours.folder.glob("*.json"), theirs.folder.glob("*.json")
        record.write_bytes(foreign.read_bytes())
        with pytest.raises(PolicyError, match="changed since"):
            ours.current(PROJECT)

    def test_a_text_that_is_missing_is_said_to_be(self, tmp_path):
        policies = AcceptedPolicies(tmp_path)
        policies.accept(PROJECT, OLD, 1, None, NOW)
        for text in tmp_path.glob("*.toml"):
            text.unlink()
        with pytest.raises(PolicyError, match="is missing"):
            policies.current(PROJECT)

    def test_a_folder_that_cannot_be_written_is_said_to_be(self, tmp_path):
        (tmp_path / "accepted").write_text("a file in the folder's place")
        with pytest.raises(PolicyError, match="cannot be kept"):
            AcceptedPolicies(tmp_path / "accepted").accept(PROJECT, OLD, 1, None, NOW)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_record_that_may_not_be_read_is_said_to_be(self, tmp_path):
        policies = AcceptedPolicies(tmp_path)
        policies.accept(PROJECT, OLD, 1, None, NOW)
        for path in tmp_path.iterdir():
            path.chmod(0)
        with pytest.raises(PolicyError, match="cannot be read"):
            policies.current(PROJECT)

    def test_an_accepted_text_that_this_version_cannot_use_is_said_to_be(self, tmp_path):
        kept = AcceptedPolicies(tmp_path).accept(PROJECT, OLD.replace("version = 1", "version = 0"), 1, None, NOW)
        with pytest.raises(PolicyError, match="that you accepted cannot be used"):
            found(NEW, kept)


def test_the_changes_are_asked_for_only_when_the_text_differs(accepted):
    def never(_):
        raise AssertionError("asked")

    assert resolve(OLD, "mlsc.toml", accepted, never).state == "accepted"
    assert resolve(FOREIGN, "mlsc.toml", accepted, never).state == "untrusted"


def test_an_accepted_layer_is_the_one_that_is_handed_to_the_search_for_changes(accepted):
    seen = []
    resolve(NEW, "mlsc.toml", accepted, lambda each: seen.append(each) or [])
    assert [(each.digest, each.counter) for each in seen] == [(digest(OLD), 3)]
