"""What is revoked is refused at every gate and under every name, with what was made from it; and nobody revokes who may not, nor takes it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import DecisionRefusedError, MlscError, UsageError
from tests.attacks.decided import MODEL, Team, revocation, revoke
from tests.attacks.forgery import (
    accept,
    assert_fine,
    assert_refused,
    codes,
    digest_at,
    now,
    plant,
    provenance,
    run_key,
    stranger,
    vouch,
    vouching_key,
    without_own_records,
)
from tests.conftest import CSV, Person

Make = Callable[..., Person]


@pytest.fixture
def team(person: Make) -> Team:
    made = Team(person)
    made.make_model()
    assert_fine(made.ada, MODEL)
    return made


def test_revoked_bytes_are_refused_under_every_name_at_every_gate_and_what_was_made_from_them_too(team: Team) -> None:
    team.ada.write("data/copy.csv")
    team.ada.sign("data/copy.csv")
    team.make_model("models/second.json", [4])
    # A model of a model, in another run.
    run = team.ada.new_run()
    team.ada.load("models/second.json", run)
    team.ada.save([5], "models/third.json", run)
    for path in ("models/second.json", "models/third.json", "data/copy.csv"):
        assert_fine(team.ada, path)
    done = revoke(team.carol, "data/train.csv", "half of the labels are flipped")
    assert (done.decision, done.signer, done.digests) == ("revoked", "carol", (digest_at(team.ada, "data/train.csv"),))
    for each in (team.ada, team.bob, team.carol):
        assert_refused(each, "data/train.csv", "revoked")
    verdict = assert_refused(team.ada, "data/copy.csv", "revoked")
    assert "revoked by carol" in verdict.reasons[0].message
    assert "half of the labels are flipped" in verdict.reasons[0].message
    (seen,) = verdict.decisions
    assert (seen.decision, seen.by, seen.why) == ("revoked", "carol", "half of the labels are flipped")
    for path in (MODEL, "models/second.json", "models/third.json"):
        assert_refused(team.ada, path, "input-revoked")
    # Where no rule asks anything, too.
    team.ada.write("scratch/train.csv")
    assert codes(team.ada.verify("scratch/train.csv")) == ["revoked"]
    # Other bytes under the same name are another artifact.
    team.ada.write("data/train.csv", CSV + "50,0\n")
    team.ada.sign("data/train.csv")
    assert_fine(team.ada, "data/train.csv")


def test_a_path_stands_for_all_bytes_that_were_ever_signed_under_it(team: Team) -> None:
    first = (team.root / "data/train.csv").read_bytes()
    team.ada.write("data/train.csv", "x,y\n7,7\n")
    team.ada.sign("data/train.csv")
    (team.root / "data/train.csv").unlink()
    assert len(revoke(team.carol, "data/train.csv").digests) == 2
    team.ada.write("data/other.csv", first)
    team.ada.sign("data/other.csv")
    assert_refused(team.ada, "data/other.csv", "revoked")


def test_a_digest_alone_is_enough_whatever_the_gates_measure(ada: Person) -> None:
    """Gates compute content trees; nobody told this one, so that they must look at the SHA-256 too."""
    ada.write("data/train.csv")
    digest = digest_at(ada, "data/train.csv")
    revoke(ada, str(digest))
    # A run's statement that binds another SHA-256 to the same content tree does not lead away from it.
    other = measure(ada.write("data/unlike.csv", "x\n1\n"))
    measured = measure(ada.root / "data/train.csv")
    lying = type(measured)(measured.size, other.sha256, measured.content_root)
    plant(ada, vouch(ada, "data/train.csv", run_key(ada), measured=lying))
    assert "revoked" in codes(ada.verify("data/train.csv"))
    ada.sign("data/train.csv")
    for full in (False, True):
        assert "revoked" in codes(ada.verify("data/train.csv", full=full))
    with pytest.raises(MlscError, match="revoked"):
        ada.load("data/train.csv")


def test_revoking_either_of_two_digests_that_a_signer_bound_together_revokes_both(ada: Person) -> None:
    path = ada.write("data/train.csv")
    measured, other = measure(path), measure(ada.write("data/other.csv", "x\n1\n"))
    lying = type(measured)(measured.size, other.sha256, measured.content_root)
    plant(ada, vouch(ada, "data/train.csv", vouching_key(ada), measured=lying))
    assert codes(ada.verify("data/train.csv")) == []
    revoke(ada, "data/other.csv")
    for full in (False, True):
        assert "revoked" in codes(ada.verify("data/train.csv", full=full))
    # Nor where another statement binds the right pair.
    ada.sign("data/train.csv")
    for full in (False, True):
        assert "revoked" in codes(ada.verify("data/train.csv", full=full))


def test_a_file_in_a_revoked_folder_and_a_folder_with_a_revoked_file_are_refused(ada: Person) -> None:
    ada.write("data/parts/a.csv")
    ada.write("data/parts/b.csv", "x\n1\n")
    ada.write("data/more/c.csv", "x\n2\n")
    ada.write("data/more/d.csv", "x\n3\n")
    ada.sign("data/parts", "data/more")
    revoke(ada, "data/parts")
    assert_refused(ada, "data/parts/a.csv", "revoked")
    assert codes(ada.verify("data/parts")) == ["revoked"]
    revoke(ada, str(digest_at(ada, "data/more/c.csv")))
    assert codes(ada.verify("data/more")) == ["revoked"]
    assert codes(ada.verify("data/more/d.csv")) == []


@pytest.mark.parametrize("who", ["ada", "bob", "dave"])
def test_who_may_not_revoke_is_refused_and_nothing_is_signed(team: Team, who: str) -> None:
    wrong = next(each for each in team.everybody if each.name == who)
    with pytest.raises(DecisionRefusedError, match=f"{who} may not revoke") as caught:
        revoke(wrong, "data/train.csv")
    assert "carol" in (caught.value.next_step or "")
    done = wrong.mlsc("revoke", "data/train.csv", "--why", "because")
    assert (done.returncode, done.stdout) == (1, "")
    assert_fine(team.ada, "data/train.csv")


def test_a_revocation_that_was_forged_counts_for_nothing(team: Team, person: Make) -> None:
    """By a stranger, by who has no right, by a run, for another project, and altered after it was signed."""
    digest = digest_at(team.ada, "data/train.csv")
    other: Person = person("eve", root=team.root.parent / "other")
    other.init()
    carol = vouching_key(team.carol)
    for envelope in (
        revocation(team.ada, digest, stranger()),
        revocation(team.ada, digest, vouching_key(team.dave)),
        revocation(team.ada, digest, vouching_key(team.ada), run_key(team.ada)),
        revocation(team.ada, digest, carol, project=other.project.project_id),
        revocation(team.ada, Digest("sha256", vouching_key(team.ada).public.key_id), vouching_key(team.dave), revokes="key"),
    ):
        plant(team.ada, envelope)
        assert_fine(team.ada, "data/train.csv")
    good = revocation(team.ada, digest_at(team.ada, MODEL), carol)
    altered = type(good)(good.payload_type, good.payload.replace(digest_at(team.ada, MODEL).hex.encode(), digest.hex.encode()), good.signatures)
    plant(team.ada, altered)
    verdict = assert_fine(team.ada, "data/train.csv")
    assert [r.code for r in verdict.reasons] == ["statement-invalid"]


@pytest.mark.parametrize("days", [-4000, 4000])
def test_a_clock_that_is_wrong_does_not_weaken_a_revocation(team: Team, days: int) -> None:
    plant(team.ada, revocation(team.ada, digest_at(team.ada, "data/train.csv"), vouching_key(team.carol), signed_at=now(days=days)))
    assert_refused(team.ada, "data/train.csv", "revoked")


def test_a_clone_sees_what_was_revoked(team: Team) -> None:
    revoke(team.carol, "data/train.csv")
    without_own_records(team.ada)
    assert_refused(team.ada, "data/train.csv", "revoked")
    assert_refused(team.ada, MODEL, "input-revoked")


def test_taking_its_file_away_does_not_take_back_what_the_ledger_knows(ada: Person) -> None:
    ada.write("data/train.csv")
    ada.sign("data/train.csv")
    revoke(ada, "data/train.csv")
    for file in (ada.root / ".mlsc/claims").iterdir():
        file.unlink()
    assert_refused(ada, "data/train.csv", "revoked")


def test_of_a_revoked_key_nothing_counts_and_what_others_said_does(team: Team) -> None:
    team.change(lambda text: text.replace('data-steward = ["ada"]', 'data-steward = ["ada", "dave"]'))
    dave = vouching_key(team.dave)
    team.ada.write("data/daves.csv", "x\n1\n")
    plant(team.ada, vouch(team.ada, "data/daves.csv", dave, signed_at=now(days=-100)))
    assert_fine(team.ada, "data/daves.csv")
    done = revoke(team.carol, dave.public.key_id, "his laptop was stolen")
    assert done.path == f"key {dave.public.key_id}"
    verdict = assert_refused(team.ada, "data/daves.csv", "key-revoked")
    assert "dave" in verdict.reasons[0].message
    # Nor does a newer word of that key supersede what somebody else stands for.
    good = (team.root / "data/train.csv").read_bytes()
    team.ada.write("data/train.csv", "x\n9\n")
    plant(team.ada, vouch(team.ada, "data/train.csv", dave, signed_at=now(minutes=1)))
    team.ada.write("data/train.csv", good)
    assert_fine(team.ada, "data/train.csv")
    team.ada.sign("data/daves.csv")
    assert_fine(team.ada, "data/daves.csv")


def test_a_revocation_stands_when_its_signers_key_is_revoked_later(team: Team) -> None:
    revoke(team.carol, "data/train.csv")
    revoke(team.carol, vouching_key(team.carol).public.key_id)
    assert_refused(team.ada, "data/train.csv", "revoked")


def test_a_person_may_revoke_the_own_key_and_no_other(team: Team) -> None:
    with pytest.raises(DecisionRefusedError, match="bob may not revoke this key"):
        revoke(team.bob, vouching_key(team.ada).public.key_id)
    revoke(team.ada, run_key(team.ada).public.key_id[:16], "the machine was lost")
    assert_refused(team.ada, MODEL, "key-revoked")
    assert_fine(team.ada, "data/train.csv")


def test_a_run_whose_key_was_revoked_tells_nothing_about_inputs(team: Team) -> None:
    """Its provenance verifies nothing any more; what was made from revoked bytes stays so, whoever says it."""
    revoke(team.carol, run_key(team.ada).public.key_id)
    revoke(team.carol, "data/train.csv")
    team.ada.sign(MODEL)
    assert_refused(team.ada, MODEL, "input-revoked")


def test_new_provenance_does_not_wash_off_a_revoked_input(team: Team) -> None:
    revoke(team.carol, "data/train.csv")
    plant(team.ada, provenance(team.ada, MODEL, run_key(team.ada), at=now(minutes=1)))
    assert_refused(team.ada, MODEL, "input-revoked")


def test_what_was_made_from_a_revoked_input_is_only_warned_of_where_the_policy_says_so(team: Team) -> None:
    team.change(lambda text: text.replace('by = ["security"]', 'by = ["security"]\nspread = "warn"', 1))
    revoke(team.carol, "data/train.csv")
    verdict = team.ada.verify(MODEL)
    assert (codes(verdict), verdict.decision, verdict.verified, verdict.person_signed) == (["input-revoked"], "warn", False, False)
    assert_refused(team.ada, "data/train.csv", "revoked")
    revoke(team.carol, MODEL)
    assert not team.ada.verify(MODEL).allowed


def test_whoever_may_sign_may_revoke_where_the_policy_does_not_say(team: Team) -> None:
    team.change(lambda text: text.replace('[revoke]\nby = ["security"]', ""))
    with pytest.raises(DecisionRefusedError, match="carol may not revoke"):
        revoke(team.carol, "data/train.csv")
    with pytest.raises(DecisionRefusedError, match="bob may not revoke this key"):
        revoke(team.bob, vouching_key(team.dave).public.key_id)
    revoke(team.ada, vouching_key(team.dave).public.key_id)
    revoke(team.bob, "data/train.csv")
    assert_refused(team.ada, "data/train.csv", "revoked")


def test_a_signed_change_of_the_policy_by_a_revoked_key_is_not_accepted(team: Team) -> None:
    policy = team.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('security = ["carol"]', 'security = ["carol", "dave"]'))
    team.ada.sign("mlsc.toml")
    assert team.bob.project.trust.state == "accepted"
    revoke(team.carol, vouching_key(team.ada).public.key_id)
    policy.write_text(policy.read_text().replace('security = ["carol", "dave"]', 'security = ["ada"]'))
    team.ada.sign("mlsc.toml")
    assert team.carol.project.trust.state == "changed"


def test_a_revoked_key_changes_no_policy_where_only_the_ledger_knows_that_it_was_revoked(ada: Person) -> None:
    revoke(ada, vouching_key(ada).public.key_id)
    for file in (ada.root / ".mlsc/claims").iterdir():
        file.unlink()
    policy = ada.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('mode = "enforce"', 'mode = "observe"'))
    ada.sign("mlsc.toml")
    assert ada.project.trust.state == "changed"


def test_what_is_named_twice_or_not_at_all_is_not_guessed_at(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team.root)
    key = vouching_key(team.dave).public.key_id
    team.ada.write(key[:14], "a file with the name of a key")
    with pytest.raises(UsageError, match="a file and a key"):
        team.carol.project.revoke(key[:14], why="x", channel="terminal", passphrases=team.carol.passphrases)
    for nothing in ("sha256:12", "data/never.csv", "0123456789ab"):
        with pytest.raises(UsageError):
            revoke(team.carol, nothing)
    with pytest.raises(UsageError, match="says why"):
        revoke(team.carol, "data/train.csv", "  ")


def test_nobody_revokes_under_a_policy_that_was_not_accepted(team: Team) -> None:
    accept(team.ada)
    stray = Person("carol", team.root.parent / "new-home", team.root)
    stray.home.mkdir()
    with pytest.raises(MlscError):
        revoke(stray, "data/train.csv")
