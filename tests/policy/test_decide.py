"""One row, one decision: a rule, the statements, and what the policy says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from policy_cases import DATA, NAME, NOW, OTHER_PROJECT, bundle, codes, decide, evidence, key_id, layer, made, measured, tree, vouch

from jupyter_mlsc import predicates
from jupyter_mlsc.policy import Policy
from jupyter_mlsc.verdict import Decision, Mode, reason

STEWARD = 'match = "data/**"\nkind = "dataset"\nsigned = { by = "data-steward" }'
TWO = 'match = "data/**"\nsigned = { by = "data-steward", threshold = 2 }'
REVIEWED = 'match = "data/**"\nsigned = { by = "data-steward", not-author = true }'
FRESH = 'match = "data/**"\nsigned = { by = "data-steward", max-age = "10d" }'
PANEL = 'match = "data/**"\nsigned = { by = "data-steward", channel = ["panel", "hub"] }'
UNBOUND = 'match = "data/**"\nkind = "dataset"\nsigned = { by = "data-steward", unbound = true }'
UNBOUND_FRESH = 'match = "data/**"\nsigned = { by = "data-steward", unbound = true, max-age = "10d" }'
LEAD_OR_RUN = 'match = "data/**"\nsigned = { by = ["ml-lead", "builder"] }\nrequire = ["verified-inputs"]'
TWO_LEAD_OR_RUN = 'match = "data/**"\nsigned = { by = ["ml-lead", "builder"], threshold = 2 }'
PROVEN = 'match = "data/**"\nsigned = { by = "data-steward" }\nrequire = ["provenance"]'
INPUTS_ONLY = 'match = "data/**"\nrequire = ["verified-inputs"]'
NO_PICKLE = 'match = "data/**"\nformats = { deny = ["pickle"] }'
ONLY_PARQUET = 'match = "data/**"\nformats = { allow = ["parquet"] }'
FUTURE = NOW + timedelta(minutes=6)

PASSING = [
    ("a steward signed it", STEWARD, [vouch("alice")]),
    ("a steward signed it with a second key", STEWARD, [vouch("alice-2")]),
    ("one of two signatures in an envelope is a steward's", STEWARD, [vouch("mallory+bob")]),
    ("signed again after a change and back", STEWARD, [vouch("alice", on=1), vouch("alice", "v2", on=2), vouch("bob", on=3)]),
    ("a stranger's newer statement for other bytes", STEWARD, [vouch("alice", on=1), vouch("mallory", "v2", on=9)]),
    ("a clock four minutes ahead", STEWARD, [vouch("alice", on=NOW + timedelta(minutes=4))]),
    ("two stewards, the older after a newer one", TWO, [vouch("alice", on=1), vouch("bob", on=9)]),
    ("two stewards in one envelope", TWO, [vouch("alice+bob")]),
    ("another than the author signed", REVIEWED, [made("alice-runs"), vouch("bob")]),
    ("another than the author signed, and the author's provenance too", REVIEWED, [made("alice-runs+bob"), vouch("bob")]),
    ("two persons where nobody knows the author", REVIEWED, [vouch("alice"), vouch("bob")]),
    ("fresh enough", FRESH, [vouch("alice", on=25)]),
    ("an old signature that was renewed", FRESH, [vouch("alice", on=1), vouch("alice", on=25)]),
    ("through the panel", PANEL, [vouch("alice", channel="panel")]),
    ("a plain bundle where bytes are enough", UNBOUND, [bundle("alice")]),
    ("a run from verified inputs", LEAD_OR_RUN, [made("alice-runs")]),
    ("a lead for bytes from elsewhere", LEAD_OR_RUN, [vouch("carol")]),
    ("run again after the inputs were signed", LEAD_OR_RUN, [made("alice-runs", verified=False, on=1), made("alice-runs", on=2)]),
    ("a run without inputs", LEAD_OR_RUN, [made("alice-runs", inputs=())]),
    ("a person and another person's run", TWO_LEAD_OR_RUN, [vouch("carol"), made("alice-runs")]),
    ("signed, and a run of a person in no role says that it made it", PROVEN, [vouch("alice"), made("dave-runs")]),
    ("only inputs are asked about", INPUTS_ONLY, [made("dave-runs")]),
]

FAILING = [
    ("nothing at all", STEWARD, [], ["unsigned"]),
    ("a stranger", STEWARD, [vouch("mallory")], ["untrusted-signer"]),
    ("a person in another role", STEWARD, [vouch("carol")], ["untrusted-signer"]),
    ("no signature that verified", STEWARD, [vouch("")], ["untrusted-signer"]),
    ("a changed byte", STEWARD, [vouch("alice", "v0")], ["digest-mismatch"]),
    ("last version put back", STEWARD, [vouch("alice", on=1), vouch("alice", "v2", on=2)], ["superseded"]),
    ("last version put back, signed by two", STEWARD, [vouch("alice", on=1), vouch("bob", on=2), vouch("bob", "v2", on=3)], ["superseded"]),
    ("last version with its undated bundle", UNBOUND, [bundle("alice"), vouch("alice", "v2", on=2)], ["superseded"]),
    ("the test set in the training set's place", STEWARD, [vouch("alice", name="data/test.csv"), vouch("alice", "v0")], ["digest-mismatch", "other-name"]),
    ("a signed file under a new name", STEWARD, [vouch("alice", name="data/test.csv")], ["other-name"]),
    ("a stranger's file under a new name", STEWARD, [vouch("mallory", name="data/test.csv")], ["unsigned"]),
    ("another project's statement", STEWARD, [vouch("alice", project=OTHER_PROJECT)], ["other-project"]),
    ("signed as a model", STEWARD, [vouch("alice", kind="model")], ["wrong-kind"]),
    ("signed as nothing", STEWARD, [vouch("alice", kind=None)], ["wrong-kind"]),
    ("the right digest with a wrong content tree", STEWARD, [replace(vouch("alice"), content_root="0" * 64)], ["digest-mismatch"]),
    ("the right content tree with a wrong digest", STEWARD, [replace(vouch("alice", "v2"), content_root=measured("v1").content_root)], ["digest-mismatch"]),
    ("a run vouching for data by provenance", STEWARD, [made("alice-runs")], ["untrusted-signer"]),
    ("a run vouching for data as a person does", STEWARD, [vouch("alice-runs")], ["untrusted-signer"]),
    ("a run vouching as a person does where runs may build", LEAD_OR_RUN, [vouch("alice-runs")], ["untrusted-signer"]),
    ("a person claiming to be a run", LEAD_OR_RUN, [made("alice")], ["untrusted-signer"]),
    ("a record of a load", STEWARD, [vouch("alice", predicate_type=predicates.VSA)], ["unsigned"]),
    ("a signed policy change for the same bytes", STEWARD, [vouch("alice", predicate_type=predicates.POLICY)], ["unsigned"]),
    ("a plain bundle", STEWARD, [bundle("alice")], ["unbound"]),
    ("a stranger's plain bundle", UNBOUND, [bundle("mallory")], ["untrusted-signer"]),
    ("a plain bundle for other bytes", UNBOUND, [bundle("alice", "v2")], ["digest-mismatch"]),
    ("a bundle of a named project", UNBOUND, [bundle("alice", project=OTHER_PROJECT)], ["other-project"]),
    ("a bundle without a date where age counts", UNBOUND_FRESH, [bundle("alice")], ["expired"]),
    ("a statement with a name but no project", STEWARD, [vouch("alice", project=None)], ["unbound"]),
    ("from the future", STEWARD, [vouch("alice", on=FUTURE)], ["not-yet-valid"]),
    ("older bytes with a statement from the future", STEWARD, [vouch("alice", "v0", on=1), vouch("alice", on=FUTURE)], ["digest-mismatch"]),
    ("one of two", TWO, [vouch("alice")], ["threshold-not-met"]),
    ("two keys of one person", TWO, [vouch("alice+alice-2")], ["threshold-not-met"]),
    ("two statements of one person", TWO, [vouch("alice", on=1), vouch("alice-2", on=2)], ["threshold-not-met"]),
    ("a steward and a stranger", TWO, [vouch("alice"), vouch("mallory")], ["threshold-not-met"]),
    ("two stewards for different bytes", TWO, [vouch("alice"), vouch("bob", "v2", on=1)], ["threshold-not-met"]),
    ("the author and the author's run", TWO_LEAD_OR_RUN, [vouch("alice"), made("alice-runs")], ["threshold-not-met"]),
    ("the author alone", REVIEWED, [made("alice-runs"), vouch("alice")], ["author-signed"]),
    ("the author alone, of bytes made elsewhere", REVIEWED, [vouch("alice")], ["author-signed"]),
    ("the author twice, of bytes made elsewhere", REVIEWED, [vouch("alice", on=1), vouch("alice-2", on=2)], ["author-signed"]),
    ("the author, made under another name", REVIEWED, [made("alice-runs", name="models/x.bin"), vouch("alice")], ["author-signed"]),
    ("too old", FRESH, [vouch("alice", on=1)], ["expired"]),
    ("a second old", FRESH, [vouch("alice", on=NOW - timedelta(days=10, seconds=1))], ["expired"]),
    ("through a notebook", PANEL, [vouch("alice", channel="notebook")], ["wrong-channel"]),
    ("through nothing that it says", PANEL, [vouch("alice", channel=None)], ["wrong-channel"]),
    ("a run from unverified inputs", LEAD_OR_RUN, [made("alice-runs", verified=False)], ["inputs-unverified"]),
    ("a lead, but a run says where it came from", LEAD_OR_RUN, [vouch("carol"), made("bob-runs", verified=False)], ["inputs-unverified"]),
    ("moved away from its provenance", LEAD_OR_RUN, [vouch("carol"), made("bob-runs", name="models/dev.bin", verified=False)], ["inputs-unverified"]),
    ("later inputs were unverified", LEAD_OR_RUN, [made("alice-runs", on=1), made("bob-runs", verified=False, on=2)], ["inputs-unverified"]),
    ("no run made it", PROVEN, [vouch("alice")], ["provenance-missing"]),
    ("an unknown run made it", PROVEN, [vouch("alice"), made("mallory")], ["provenance-missing"]),
    ("a run made it under another name", PROVEN, [vouch("alice"), made("alice-runs", name="data/x.csv")], ["provenance-missing"]),
    ("a run made other bytes", PROVEN, [vouch("alice"), made("alice-runs", "v2")], ["provenance-missing"]),
    ("a run of another project made it", PROVEN, [vouch("alice"), made("alice-runs", project=OTHER_PROJECT)], ["provenance-missing"]),
    ("a run will have made it", PROVEN, [vouch("alice"), made("alice-runs", on=FUTURE)], ["provenance-missing"]),
    ("inputs are asked about and nobody knows", INPUTS_ONLY, [], ["provenance-missing"]),
    ("everything at once", PROVEN + '\nformats = { deny = ["csv"] }', [], ["unsigned", "provenance-missing", "format-denied"]),
]


@pytest.mark.parametrize(("rule", "claims"), [row[1:] for row in PASSING], ids=[row[0] for row in PASSING])
def test_it_is_let_through(rule, claims):
    verdict = decide(rule, *claims, families=frozenset({"csv"}))
    assert (codes(verdict), verdict.decision, verdict.governed, verdict.verified) == ([], Decision.ALLOW, True, True)


@pytest.mark.parametrize(("rule", "claims", "expected"), [row[1:] for row in FAILING], ids=[row[0] for row in FAILING])
def test_it_is_refused_with_the_reason_that_helps(rule, claims, expected):
    verdict = decide(rule, *claims, families=frozenset({"csv"}))
    assert codes(verdict) == expected
    assert verdict.decision is Decision.BLOCK
    assert not verdict.verified
    assert not verdict.person_signed


def test_more_rows_fail_than_pass():
    assert len(FAILING) > len(PASSING)


@pytest.mark.parametrize(
    ("rule", "families", "expected"),
    [
        (NO_PICKLE, {"parquet"}, []),
        (NO_PICKLE, {"joblib", "pickle"}, ["format-denied"]),
        (ONLY_PARQUET, {"parquet"}, []),
        (ONLY_PARQUET, {"parquet", "pickle"}, ["format-denied"]),
        (ONLY_PARQUET, {"csv"}, ["format-denied"]),
        (ONLY_PARQUET, set(), ["format-denied"]),
    ],
)
def test_every_family_of_the_bytes_must_be_acceptable(rule, families, expected):
    assert codes(decide(rule, families=frozenset(families))) == expected


@pytest.mark.parametrize(("mode", "decision"), [("observe", Decision.ALLOW), ("warn", Decision.WARN), ("enforce", Decision.BLOCK)])
def test_the_mode_turns_reasons_into_a_decision(mode, decision):
    assert decide(STEWARD, mode=mode).decision is decision
    assert decide(STEWARD + f'\nmode = "{mode}"', mode="warn").decision is decision


@pytest.mark.parametrize(("mode", "decision"), [("observe", Decision.ALLOW), ("warn", Decision.BLOCK), ("enforce", Decision.BLOCK)])
def test_code_that_would_run_is_never_only_warned_of(mode, decision):
    denied = reason("unpickle-denied", name=NAME, global_name="os.system")
    assert decide(STEWARD, vouch("alice"), mode=mode, faults=(denied,)).decision is decision
    ungoverned = decide(STEWARD, mode=mode, name="elsewhere.pkl", faults=(denied,))
    assert (ungoverned.decision, ungoverned.governed) == (decision, False)


def test_what_no_rule_asks_about_is_ungoverned():
    for rule, name in ((STEWARD, "notes.txt"), ('match = "**"\nmode = "observe"', NAME)):
        verdict = decide(rule, name=name)
        assert (codes(verdict), verdict.decision, verdict.governed, verdict.verified) == (["ungoverned"], Decision.ALLOW, False, False)


def test_a_fault_fails_what_is_signed():
    fault = reason("ledger-inconsistent", why="it is shorter")
    verdict = decide(STEWARD, vouch("alice"), faults=(fault,))
    assert (codes(verdict), verdict.decision, verdict.person_signed) == (["ledger-inconsistent"], Decision.BLOCK, False)


def test_the_first_rule_that_fits_decides():
    policy = Policy((layer('match = "data/open/**"\nmode = "observe"', STEWARD),))
    assert codes(policy.decide(evidence(name="data/open/x.csv"), NOW)) == ["ungoverned"]
    assert codes(policy.decide(evidence(name="data/x.csv"), NOW)) == ["unsigned"]


def test_the_next_step_says_whom_to_ask_for_what():
    (unsigned,) = decide(STEWARD).reasons
    assert unsigned.next == "ask a data-steward to run: mlsc sign data/train.csv"
    (lead,) = decide('match = "data/**"\nsigned = { by = ["ml-lead", "builder"] }').reasons
    assert lead.next == "ask an ml-lead to run: mlsc sign data/train.csv"
    (builder,) = decide('match = "data/**"\nsigned = { by = "builder" }').reasons
    assert builder.next == "have a run make it: %mlsc_save NAME data/train.csv"


def test_a_mismatch_says_who_signed_what():
    (changed,) = decide(STEWARD, vouch("alice", "v0")).reasons
    assert "alice signed sha256:" in changed.message
    assert changed.message.count("sha256:") == 2


def test_a_hostile_name_can_be_neither_shown_nor_pasted_as_a_command():
    name = "data/$(rm -rf ~)\x1b[2J.csv"
    (unsigned,) = decide(STEWARD, name=name).reasons
    assert "\x1b" not in unsigned.message + unsigned.next
    assert unsigned.next.endswith("mlsc sign 'data/$(rm -rf ~)\\x1b[2J.csv'")


def test_signers_are_those_who_count():
    verdict = decide(TWO, vouch("alice+mallory", on=1), vouch("bob", on=2), vouch("carol", on=3))
    assert [(s.identity, s.key) for s in verdict.signers] == [("bob", key_id("bob")), ("alice", key_id("alice"))]
    assert verdict.signers[0].at == "2026-05-02T00:00:00.000000Z"


def test_an_undated_decision_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="time zone"):
        Policy((layer(STEWARD),)).decide(evidence(), NOW.replace(tzinfo=None))


def test_what_was_not_measured_is_not_verified():
    assert codes(decide(STEWARD, vouch("alice"), content=None)) == ["digest-mismatch"]
    assert codes(decide(STEWARD, content=None)) == ["unsigned"]


class TestPersonSigned:
    def test_a_person_lifts(self):
        assert decide(STEWARD, vouch("alice")).person_signed
        assert decide(UNBOUND, bundle("alice")).person_signed

    def test_a_run_never_does(self):
        verdict = decide(LEAD_OR_RUN, made("alice-runs"))
        assert (verdict.verified, verdict.person_signed) == (True, False)

    def test_a_rule_that_asks_for_no_signature_does_not(self):
        assert not decide(NO_PICKLE, vouch("alice"), families=frozenset({"csv"})).person_signed

    def test_a_person_whose_word_does_not_count_does_not(self):
        verdict = decide(
            'match = "data/**"\nsigned = { by = ["ml-lead", "builder"], not-author = true }', made("bob-runs"), made("alice-runs"), vouch("carol", on=NOW)
        )
        assert verdict.person_signed
        assert not decide('match = "data/**"\nsigned = { by = ["ml-lead", "builder"], not-author = true }', made("alice-runs"), vouch("alice")).person_signed

    def test_in_warn_mode_it_takes_the_whole_rule(self):
        assert not decide(TWO, vouch("alice"), mode="warn").person_signed

    def test_an_own_output_that_lacks_something_else_does_not(self):
        verdict = decide(PROVEN, vouch("alice"), own_output=True)
        assert (codes(verdict), verdict.person_signed) == (["own-output"], False)

    def test_every_layer_must_agree(self):
        runs = layer('match = "data/**"\nsigned = { by = ["builder"] }')
        persons = layer(STEWARD, name="admin")
        found = evidence(vouch("alice"), made("alice-runs"))
        assert Policy((persons,)).decide(found, NOW).person_signed
        verdict = Policy((persons, runs)).decide(found, NOW)
        assert (verdict.verified, verdict.person_signed) == (True, False)


class TestOwnOutput:
    @pytest.mark.parametrize("claims", [[], [vouch("alice", "v0")], [vouch("mallory")], [made("alice-runs")]])
    def test_a_run_may_read_back_what_it_wrote_but_that_verifies_nothing(self, claims):
        verdict = decide(STEWARD, *claims, own_output=True)
        assert (codes(verdict), verdict.decision) == (["own-output"], Decision.ALLOW)
        assert (verdict.verified, verdict.person_signed) == (False, False)

    def test_it_lifts_no_format_no_inputs_and_no_fault(self):
        fault = reason("tampered-in-use", name=NAME)
        rule = LEAD_OR_RUN + '\nformats = { deny = ["pickle"] }'
        verdict = decide(rule, made("alice-runs", verified=False), own_output=True, families=frozenset({"pickle"}), faults=(fault,))
        assert codes(verdict) == ["inputs-unverified", "format-denied", "tampered-in-use"]
        assert verdict.decision is Decision.BLOCK

    def test_what_satisfies_its_rule_needs_no_note(self):
        assert codes(decide(STEWARD, vouch("alice"), own_output=True)) == []


class TestTrees:
    IMAGES = tree(**{"a.png": "a", "b.png": "b"})

    def test_a_signed_tree_speaks_for_its_files(self):
        member = vouch("alice", measured("a"), "data/images/a.png", within="data/images", content_root=None)
        verdict = decide(STEWARD, member, name="data/images/a.png", content="a")
        assert (codes(verdict), verdict.person_signed) == ([], True)

    def test_a_signed_project_speaks_for_its_files_and_a_file_for_no_tree(self):
        member = vouch("alice", measured("a"), "data/a.png", within=".", content_root=None)
        assert codes(decide(STEWARD, member, name="data/a.png", content="a")) == []
        stray = vouch("alice", measured("a"), ".", within=".", content_root=None)
        assert codes(decide('match = "**"\nsigned = { by = "data-steward" }', stray, name=".", content="a")) == ["other-name"]
        assert codes(decide('match = "../**"\nsigned = { by = "data-steward" }', stray, name="../a", content="a")) == ["other-name"]

    def test_a_tree_speaks_for_no_file_beside_it(self):
        stray = vouch("alice", measured("a"), "data/images", within="data/images", content_root=None)
        assert codes(decide(STEWARD, stray, name="data/images2/a.png", content="a")) == ["other-name"]

    def test_the_folder_of_a_pattern_is_governed_as_a_tree(self):
        whole = tree(**{"train.csv": "v1"})
        assert codes(decide(STEWARD, content=whole, name="data")) == ["unsigned"]
        assert codes(decide(STEWARD, vouch("alice", whole, "data"), content=whole, name="data")) == []

    def test_a_file_cannot_be_reached_around_its_rule_through_an_ungoverned_folder(self):
        everything = tree(**{"readme.txt": "hello", "data/train.csv": "v1"})
        for name in (".", "copy/.."):
            assert codes(decide(STEWARD, content=everything, name=name)) == ["unsigned"]
        assert codes(decide(STEWARD, vouch("alice", everything, "."), content=everything, name=".")) == []

    def test_a_tree_must_satisfy_the_stricter_rule_of_a_file_in_it(self):
        policy = Policy((layer('match = "data/secret/**"\nsigned = { by = "data-steward", threshold = 2 }', STEWARD),))
        whole = tree(**{"train.csv": "v1", "secret/salaries.csv": "s"})
        one, two = vouch("alice", whole, "data"), vouch("bob", whole, "data")
        assert codes(policy.decide(evidence(one, content=whole, name="data"), NOW)) == ["threshold-not-met"]
        assert codes(policy.decide(evidence(one, two, content=whole, name="data"), NOW)) == []
        assert codes(policy.decide(evidence(one, content=tree(**{"train.csv": "v1"}), name="data"), NOW)) == ["digest-mismatch"]

    def test_a_tree_that_became_a_file_is_other_bytes(self):
        assert codes(decide(STEWARD, vouch("alice", self.IMAGES, "data/images"), name="data/images", content="x")) == ["digest-mismatch"]

    def test_the_newest_of_a_files_own_and_its_trees_statement_decides(self):
        name = "data/images/a.png"
        old = vouch("alice", measured("a"), name, on=1)
        new = vouch("bob", measured("a2"), name, on=2, within="data/images", content_root=None)
        assert codes(decide(STEWARD, old, new, name=name, content="a")) == ["superseded"]
        assert codes(decide(STEWARD, old, new, name=name, content="a2")) == []


class TestPartialMeasurements:
    ROOT_ONLY = msgspec.structs.replace(measured("v1"), sha256=None)

    def test_a_statement_with_the_root_is_enough(self):
        policy = Policy((layer(DATA),))
        found = evidence(vouch("alice"), content=self.ROOT_ONLY)
        assert not policy.needs_sha256(found)
        assert codes(policy.decide(found, NOW)) == []

    def test_a_statement_that_cannot_be_compared_asks_for_the_sha256_and_errs_to_the_strict_side(self):
        policy = Policy((layer(DATA),))
        found = evidence(vouch("alice", on=1), vouch("alice", on=2, content_root=None), content=self.ROOT_ONLY)
        assert policy.needs_sha256(found)
        assert codes(policy.decide(found, NOW)) == ["superseded"]
        full = replace(found, measured=measured("v1"))
        assert not policy.needs_sha256(full)
        assert codes(policy.decide(full, NOW)) == []

    def test_a_bundle_asks_for_it_only_where_it_could_count(self):
        found = evidence(vouch("alice"), bundle("alice"), content=self.ROOT_ONLY)
        assert not Policy((layer(STEWARD),)).needs_sha256(found)
        assert Policy((layer(UNBOUND),)).needs_sha256(found)


class TestLayers:
    def test_the_strictest_layer_decides(self):
        project, admin = layer(STEWARD), layer(TWO, name="admin")
        verdict = Policy((admin, project)).decide(evidence(vouch("alice")), NOW)
        assert (codes(verdict), verdict.decision) == (["threshold-not-met"], Decision.BLOCK)

    def test_a_lax_project_does_not_weaken_the_admin(self):
        admin = layer(STEWARD, name="admin")
        project = layer('match = "**"\nmode = "observe"', mode="observe")
        assert Policy((admin, project)).decide(evidence(), NOW).decision is Decision.BLOCK
        assert Policy((admin, project)).mode is Mode.ENFORCE

    def test_a_projects_alice_never_fills_an_admins_role(self):
        from policy_cases import IDENTITIES, encoded

        impostor = IDENTITIES.replace(encoded("alice"), encoded("mallory"))
        admin, project = layer(STEWARD, name="admin"), layer(STEWARD, head=impostor)
        verdict = Policy((admin, project)).decide(evidence(vouch("mallory")), NOW)
        assert (codes(verdict), verdict.decision) == (["untrusted-signer"], Decision.BLOCK)

    def test_an_admins_rule_asks_for_a_statement_of_the_project_at_hand(self):
        admin = layer(STEWARD, name="admin")
        assert codes(Policy((admin,)).decide(evidence(vouch("alice")), NOW)) == []
        assert codes(Policy((admin,)).decide(evidence(vouch("alice", project=OTHER_PROJECT)), NOW)) == ["other-project"]

    def test_no_layer_governs_nothing(self):
        verdict = Policy(()).decide(evidence(), NOW)
        assert (verdict.decision, verdict.governed, verdict.mode) == (Decision.ALLOW, False, Mode.WARN)

    def test_an_absolute_rule_of_the_admin_cannot_be_dodged_by_a_project_around_the_file(self):
        admin = layer('match = "/srv/shared/**"\nsigned = { by = "data-steward" }', name="admin")
        policy = Policy((admin,), root="/srv/shared/mine")
        assert policy.governs("train.csv")
        assert policy.governs("../theirs.csv")
        assert not policy.governs("../../elsewhere.csv")


class TestUntrusted:
    def test_nobody_is_trusted_and_the_mode_is_warn_at_least(self):
        for mode, decision in (("observe", Decision.WARN), ("warn", Decision.WARN), ("enforce", Decision.BLOCK)):
            policy = Policy.untrusted(layer(STEWARD, mode=mode))
            verdict = policy.decide(evidence(vouch("alice")), NOW)
            assert (codes(verdict), verdict.decision, verdict.person_signed, verdict.signers) == (["policy-untrusted"], decision, False, ())

    def test_a_rule_of_its_own_cannot_weaken_it(self):
        assert Policy.untrusted(layer(STEWARD + '\nmode = "observe"', mode="enforce")).decide(evidence(), NOW).decision is Decision.BLOCK

    def test_its_keys_lists_and_admins_count_for_nothing(self):
        head = '[unpickle]\nallow = ["evil.Thing"]\n'
        from policy_cases import IDENTITIES

        policy = Policy.untrusted(layer(STEWARD, head=head + IDENTITIES))
        assert (dict(policy.identities_by_key()), policy.unpickle_allow) == ({}, frozenset())
        assert policy.identity_name(key_id("alice")) is None
        assert not policy.is_admin(key_id("alice"))

    def test_the_admins_layer_still_rules_beside_it(self):
        policy = Policy.untrusted(layer(STEWARD, mode="warn"), (layer(STEWARD, name="admin"),))
        verdict = policy.decide(evidence(vouch("alice")), NOW)
        assert (codes(verdict), verdict.decision) == (["policy-untrusted"], Decision.WARN)
        assert Policy.untrusted(layer(STEWARD), (layer(TWO, name="admin"),)).decide(evidence(), NOW).decision is Decision.BLOCK

    def test_reading_back_an_own_output_does_not_make_it_trusted(self):
        assert codes(Policy.untrusted(layer(STEWARD)).decide(evidence(own_output=True), NOW)) == ["policy-untrusted"]


class TestQuestions:
    def test_governs_and_kinds(self):
        policy = Policy((layer('match = "models/**"\nkind = "model"\nsigned = { by = "ml-lead" }', DATA, 'match = "**"\nmode = "observe"'),))
        assert [policy.governs(n) for n in ("data", "data/a", "models/x/y", "readme.md")] == [True, True, True, False]
        assert [policy.kind_for(n) for n in ("data/a", "models/x", "readme.md")] == ["dataset", "model", None]
        assert policy.prefixes == ("models", "data")
        assert [policy.governs_below(n) for n in (".", "data", "data/images", "node_modules")] == [True, True, True, False]

    def test_names_and_admins_of_keys(self):
        policy = Policy((layer(DATA),))
        assert policy.identity_name(key_id("alice-2")) == "alice"
        assert policy.identity_name(key_id("mallory")) is None
        assert policy.is_admin(key_id("alice"))
        assert not policy.is_admin(key_id("bob-runs"))  # listed in the role, but a run's key is no person's
        assert set(policy.identities_by_key()) >= {key_id("alice"), key_id("alice-2"), key_id("bob-runs")}

    def test_where_the_admin_lists_what_may_be_unpickled_the_projects_list_is_not_read(self):
        from policy_cases import IDENTITIES

        project = layer(DATA, head='[unpickle]\nallow = ["a.B"]\n' + IDENTITIES)
        admin = layer(DATA, name="admin", head='[unpickle]\nallow = ["c.D"]\n' + IDENTITIES)
        assert Policy((project,)).unpickle_allow == {"a.B"}
        assert Policy((layer(DATA, name="admin"), project)).unpickle_allow == {"a.B"}
        assert Policy((admin, project)).unpickle_allow == {"c.D"}

    def test_packages_may_come_from_what_every_layer_names_that_names_any(self):
        from policy_cases import IDENTITIES

        def naming(name: str, *indexes: str):
            return layer(DATA, name=name, head=f"[install]\nindexes = {list(indexes)}\n{IDENTITIES}")

        project = naming("project", "https://a.test/simple", "https://b.test/simple/")
        assert Policy((project,)).install_indexes == {"https://a.test/simple", "https://b.test/simple"}
        assert Policy((naming("admin", "https://b.test/simple"), project)).install_indexes == {"https://b.test/simple"}
        assert Policy((layer(DATA),)).install_indexes == frozenset()
        assert Policy.untrusted(project).install_indexes == frozenset()
