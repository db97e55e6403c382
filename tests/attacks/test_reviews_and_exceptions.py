"""A review, an exception, a promotion: by every wrong person, in every wrong order, for other bytes, another name, another project, at another time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.errors import DecisionRefusedError, MlscError, UsageError
from jupyter_mlsc.recording import Place
from tests.attacks.decided import (
    MADE,
    MODEL,
    TOP,
    Team,
    approval,
    approve,
    exception,
    override,
    promote,
    promotion,
    rejection,
    revocation,
    revoke,
)
from tests.attacks.forgery import (
    assert_fine,
    assert_refused,
    changed_byte,
    codes,
    digest_at,
    now,
    plant,
    run_key,
    stranger,
    vouch,
    vouching_key,
)
from tests.conftest import Person

Make = Callable[..., Person]
PAPER = "reviewed/paper.csv"


@pytest.fixture
def team(person: Make) -> Team:
    made = Team(person)
    made.ada.write(PAPER, "x\n1\n")
    made.ada.sign(PAPER)
    return made


# reviews


def test_two_other_persons_must_approve_and_each_counts_once(team: Team) -> None:
    assert_refused(team.ada, PAPER, "review-missing")
    approve(team.bob, PAPER)
    approve(team.bob, PAPER)
    assert_refused(team.ada, PAPER, "review-missing")
    done = approve(team.carol, PAPER, note="read every row")
    assert (done.decision, done.signer, done.why) == ("approved", "carol", "read every row")
    verdict = assert_fine(team.ada, PAPER)
    assert {(d.decision, d.by, d.why) for d in verdict.decisions} == {("approved", "bob", "looked at it"), ("approved", "carol", "read every row")}
    changed_byte(team.root / PAPER)
    assert_refused(team.ada, PAPER, "review-missing")


def test_the_author_and_who_is_no_reviewer_are_refused_and_nothing_is_signed(team: Team) -> None:
    before = sorted((team.root / ".mlsc/claims").iterdir())
    size = team.ada.project.books.ledger.size  # type: ignore[union-attr]  # there is one
    with pytest.raises(DecisionRefusedError, match="ada is the author"):
        approve(team.ada, PAPER)
    with pytest.raises(DecisionRefusedError, match="dave is no reviewer here"):
        approve(team.dave, PAPER)
    with pytest.raises(DecisionRefusedError, match="dave is no reviewer here"):
        approve(team.dave, PAPER, yes=False)
    assert sorted((team.root / ".mlsc/claims").iterdir()) == before
    assert team.ada.project.books.ledger.size == size  # type: ignore[union-attr]


def test_who_first_stands_for_what_nobody_signed_is_its_author(team: Team) -> None:
    team.ada.write("reviewed/new.csv", "x\n5\n")
    with pytest.raises(DecisionRefusedError, match="bob is the author"):
        approve(team.bob, "reviewed/new.csv")
    team.dave.sign("reviewed/new.csv")
    approve(team.bob, "reviewed/new.csv")
    approve(team.carol, "reviewed/new.csv")
    assert_fine(team.ada, "reviewed/new.csv")


def test_a_rejection_after_approvals_blocks_and_approvals_after_it_count(team: Team) -> None:
    approve(team.bob, PAPER)
    approve(team.carol, PAPER)
    approve(team.carol, PAPER, yes=False, note="row 3 is made up")
    verdict = assert_refused(team.ada, PAPER, "review-rejected")
    assert "carol" in verdict.reasons[0].message
    assert "row 3 is made up" in verdict.reasons[0].message
    # One approval after it is not two; the one before it does not count any more.
    approve(team.bob, PAPER)
    assert_refused(team.ada, PAPER, "review-rejected")
    approve(team.carol, PAPER, note="it was not")
    assert_fine(team.ada, PAPER)


def test_a_rejection_before_any_approval_stands_against_older_words_only(team: Team) -> None:
    approve(team.carol, PAPER, yes=False)
    plant(team.ada, approval(team.ada, PAPER, vouching_key(team.bob), at=now(days=-1)))
    plant(team.ada, approval(team.ada, PAPER, vouching_key(team.carol), at=now(days=-1)))
    assert_refused(team.ada, PAPER, "review-rejected")


def test_the_authors_own_rejection_counts(team: Team) -> None:
    approve(team.bob, PAPER)
    approve(team.carol, PAPER)
    approve(team.ada, PAPER, yes=False, note="I sent the wrong file")
    assert_refused(team.ada, PAPER, "review-rejected")


def test_an_approval_that_was_forged_counts_for_nothing(team: Team, person: Make) -> None:
    bob, carol = vouching_key(team.bob), vouching_key(team.carol)
    plant(team.ada, approval(team.ada, PAPER, bob))
    team.ada.write("reviewed/other.csv", "x\n2\n")
    team.ada.write("scratch/paper.csv", "x\n1\n")
    eve: Person = person("eve", root=team.root.parent / "other")
    eve.init()
    for envelope in (
        approval(team.ada, PAPER, stranger()),
        approval(team.ada, PAPER, vouching_key(team.dave)),
        approval(team.ada, PAPER, vouching_key(team.ada)),
        approval(team.ada, PAPER, run_key(team.carol)),
        approval(team.ada, PAPER, run_key(team.ada)),
        approval(team.ada, PAPER, carol, project=eve.project.project_id),
        approval(team.ada, PAPER, carol, channel="notebook"),
        approval(team.ada, PAPER, carol, at=now(hours=1)),
        approval(team.ada, PAPER, carol, of="reviewed/other.csv"),
        approval(team.ada, "scratch/paper.csv", carol),
        vouch(team.ada, PAPER, carol),
        promotion(team.ada, PAPER, carol, source=PAPER),
    ):
        plant(team.ada, envelope)
        assert codes(team.ada.verify(PAPER)) == ["review-missing"]
    plant(team.ada, approval(team.ada, PAPER, carol))
    assert_fine(team.ada, PAPER)


def test_a_rejection_that_was_forged_stops_nothing(team: Team) -> None:
    approve(team.bob, PAPER)
    approve(team.carol, PAPER)
    for signer in (stranger(), vouching_key(team.dave), run_key(team.ada)):
        plant(team.ada, rejection(team.ada, PAPER, signer))
        assert_fine(team.ada, PAPER)
    plant(team.ada, rejection(team.ada, PAPER, vouching_key(team.bob)))
    assert_refused(team.ada, PAPER, "review-rejected")


def test_of_a_revoked_reviewers_key_no_approval_counts(team: Team) -> None:
    approve(team.bob, PAPER)
    approve(team.carol, PAPER)
    revoke(team.carol, vouching_key(team.bob).public.key_id)
    assert_refused(team.ada, PAPER, "review-missing")


# exceptions


@pytest.fixture
def failing(team: Team) -> Team:
    team.ada.write("data/late.csv", "x\n7\n")
    assert_refused(team.ada, "data/late.csv", "unsigned")
    return team


def test_an_exception_lets_these_bytes_through_says_so_and_verifies_nothing(failing: Team) -> None:
    done = override(failing.carol, "data/late.csv", until=now(days=2))
    assert (done.decision, done.signer) == ("overridden", "carol")
    verdict = failing.ada.verify("data/late.csv")
    assert (verdict.decision, verdict.verified, verdict.person_signed, codes(verdict)) == ("allow", False, False, [])
    (told,) = verdict.reasons
    assert (told.code, told.fails) == ("overridden", False)
    assert "carol" in told.message
    assert "the demonstration is today" in told.message
    failing.ada.load("data/late.csv")
    status = failing.ada.project.status()
    assert [(o["path"], o["by"]) for o in status.document["overrides"]] == [("data/late.csv", "carol")]  # type: ignore[attr-defined]
    assert ("overrides", "1 in force") in status.rows
    # What is made from it is not made from verified inputs.
    run = failing.ada.new_run()
    failing.ada.load("data/late.csv", run)
    failing.ada.save([1], "models/m.json", run)
    assert_refused(failing.ada, "models/m.json", "inputs-unverified")
    changed_byte(failing.root / "data/late.csv")
    assert_refused(failing.ada, "data/late.csv", "unsigned")


@pytest.mark.parametrize("who", ["ada", "bob", "dave"])
def test_who_may_make_no_exceptions_is_refused(failing: Team, who: str) -> None:
    wrong = next(each for each in failing.everybody if each.name == who)
    with pytest.raises(DecisionRefusedError, match=f"{who} may make no exceptions"):
        override(wrong, "data/late.csv", until=now(days=1))
    assert_refused(failing.ada, "data/late.csv", "unsigned")


def test_nobody_may_where_the_policy_does_not_say(failing: Team) -> None:
    failing.change(lambda text: text.replace('[override]\nby  = "security"\nmax = "30d"\n', ""))
    with pytest.raises(DecisionRefusedError, match="carol may make no exceptions"):
        override(failing.carol, "data/late.csv", until=now(days=1))
    plant(failing.ada, exception(failing.ada, "data/late.csv", vouching_key(failing.carol)))
    assert_refused(failing.ada, "data/late.csv", "unsigned")


def test_an_exception_that_is_too_long_too_late_or_for_nothing_is_refused(failing: Team) -> None:
    with pytest.raises(DecisionRefusedError, match="30 days at most"):
        override(failing.carol, "data/late.csv", until=now(days=31))
    with pytest.raises(UsageError, match="passed already"):
        override(failing.carol, "data/late.csv", until=now(seconds=-1))
    with pytest.raises(UsageError, match="nothing to override"):
        override(failing.carol, "data/train.csv", until=now(days=1))
    failing.ada.write("scratch/x.csv")
    with pytest.raises(UsageError, match="no rule asks"):
        override(failing.carol, "scratch/x.csv", until=now(days=1))


def test_an_exception_that_was_forged_covers_nothing(failing: Team, person: Make) -> None:
    carol = vouching_key(failing.carol)
    failing.ada.write("data/second.csv", "x\n1\n")
    eve: Person = person("eve", root=failing.root.parent / "other")
    eve.init()
    for envelope in (
        exception(failing.ada, "data/late.csv", stranger()),
        exception(failing.ada, "data/late.csv", vouching_key(failing.ada)),
        exception(failing.ada, "data/late.csv", run_key(failing.ada), run_key(failing.carol)),
        exception(failing.ada, "data/late.csv", carol, project=eve.project.project_id),
        exception(failing.ada, "data/late.csv", carol, until=now(seconds=-1), signed_at=now(days=-1)),
        exception(failing.ada, "data/late.csv", carol, until=now(days=31)),
        exception(failing.ada, "data/late.csv", carol, signed_at=now(hours=1), until=now(hours=2)),
        exception(failing.ada, "data/late.csv", carol, covers=("review-missing",)),
        exception(failing.ada, "data/late.csv", carol, covers=("revoked", "*", "")),
        exception(failing.ada, "data/second.csv", carol),
    ):
        plant(failing.ada, envelope)
        assert_refused(failing.ada, "data/late.csv", "unsigned")
    plant(failing.ada, exception(failing.ada, "data/late.csv", carol))
    assert codes(failing.ada.verify("data/late.csv")) == []
    revoke(failing.carol, carol.public.key_id)
    assert_refused(failing.ada, "data/late.csv", "unsigned")


def test_a_clock_that_is_put_back_does_not_bring_an_exception_back(failing: Team) -> None:
    """The ledger has seen a later time than the clock shows."""
    plant(failing.ada, exception(failing.ada, "data/late.csv", vouching_key(failing.carol), signed_at=now(hours=-2), until=now(hours=-1)))
    project = failing.ada.project
    project.clock = lambda: now(hours=-1.5)
    (verdict,) = project.verify([failing.root / "data/late.csv"])
    assert codes(verdict) == ["unsigned"]


def test_what_is_revoked_or_tampered_with_is_no_matter_of_exceptions(failing: Team) -> None:
    override(failing.carol, "data/late.csv", until=now(days=1))
    revoke(failing.carol, str(digest_at(failing.ada, "data/late.csv")))
    verdict = assert_refused(failing.ada, "data/late.csv", "revoked")
    assert {d.decision for d in verdict.decisions} == {"revoked", "overridden"}
    with pytest.raises(DecisionRefusedError, match="revoked"):
        override(failing.carol, "data/late.csv", until=now(days=1))
    failing.make_model()
    revoke(failing.carol, "data/train.csv")
    with pytest.raises(DecisionRefusedError, match="input-revoked"):
        override(failing.carol, MODEL, until=now(days=1))
    plant(failing.ada, exception(failing.ada, MODEL, vouching_key(failing.carol), covers=("input-revoked", "unsigned")))
    assert_refused(failing.ada, MODEL, "input-revoked")


def test_bytes_that_change_under_an_exception_lose_it(failing: Team) -> None:
    override(failing.carol, "data/late.csv", until=now(days=1))
    before = changed_byte(failing.root / "data/late.csv")
    assert_refused(failing.ada, "data/late.csv", "unsigned")
    (failing.root / "data/late.csv").write_bytes(before)
    assert codes(failing.ada.verify("data/late.csv")) == []


def test_an_exception_never_lifts_the_allowlist_of_what_may_be_unpickled(failing: Team) -> None:
    marker = failing.root.parent / "ran"
    failing.ada.write("models/hostile.pkl", b"cposix\nsystem\n(S'touch %s'\ntR." % str(marker).encode())
    override(failing.carol, "models/hostile.pkl", until=now(days=1))
    with pytest.raises(MlscError, match="posix"):
        failing.ada.load("models/hostile.pkl")
    assert not marker.exists()


def test_an_exception_of_a_project_covers_nothing_that_an_admin_asks(failing: Team) -> None:
    override(failing.carol, "data/late.csv", until=now(days=1))
    key = vouching_key(failing.carol).public.base64_der
    admin = failing.root.parent / "admin.toml"
    text = f'version = 1\nmode = "enforce"\n[identities]\ncarol = {{ key = "{key}" }}\n[roles]\nsecurity = ["carol"]\n'
    admin.write_text(text + '[[rule]]\nmatch = "data/**"\nsigned = { by = "security" }\n')
    ruled = Person("ada", failing.ada.home, failing.root, {"MLSC_POLICY": str(admin)})
    assert_refused(ruled, "data/late.csv", "unsigned")
    admin.write_text(text + '[override]\nby = "security"\n[[rule]]\nmatch = "data/**"\nsigned = { by = "security" }\n')
    assert codes(ruled.verify("data/late.csv")) == []


# promotions


@pytest.fixture
def model(team: Team) -> Team:
    team.make_model()
    return team


def test_two_leads_promote_and_the_last_ones_word_moves_it(model: Team) -> None:
    first = promote(model.ada)
    assert not first.done
    assert not first.recorded
    assert first.verdict is not None
    assert set(codes(first.verdict)) == {"threshold-not-met", "review-missing"}
    approve(model.carol, MODEL)
    assert codes(promote(model.ada).verdict) == ["threshold-not-met"]  # type: ignore[arg-type]
    assert promote(model.ada).recorded
    assert not (model.root / TOP).exists()
    done = promote(model.bob)
    assert (done.done, done.path, done.source) == (True, TOP, MODEL)
    assert (model.root / TOP).read_bytes() == (model.root / MODEL).read_bytes()
    for each in model.everybody:
        verdict = assert_fine(each, TOP)
    assert {(d.decision, d.by) for d in verdict.decisions} == {("approved", "carol"), ("promoted", "ada"), ("promoted", "bob")}


def _promoted(team: Team, value: object = MADE) -> None:
    team.make_model(value=value)
    approve(team.carol, MODEL)
    promote(team.ada)
    assert promote(team.bob).done


def test_what_stands_in_production_stays_good_until_its_successor_is_there(model: Team) -> None:
    _promoted(model)
    old = (model.root / TOP).read_bytes()
    model.make_model(value=[9, 9])
    approve(model.carol, MODEL)
    assert not promote(model.ada).done
    assert_fine(model.ada, TOP)
    # Half of an agreement is none: the new bytes, put there by hand, are refused.
    model.ada.write(TOP, (model.root / MODEL).read_bytes())
    assert "threshold-not-met" in codes(model.ada.verify(TOP)) or "superseded" in codes(model.ada.verify(TOP))
    model.ada.write(TOP, old)
    assert promote(model.bob).done
    assert_fine(model.ada, TOP)
    # And the old version is an old one, even if one person promotes it again.
    new = (model.root / TOP).read_bytes()
    model.ada.write(TOP, old)
    assert_refused(model.ada, TOP, "superseded")
    model.ada.write(MODEL, old)
    plant(model.ada, promotion(model.ada, TOP, vouching_key(model.ada), source=MODEL, kind="model"))
    assert_refused(model.ada, TOP, "superseded")
    model.ada.write(TOP, new)
    assert_fine(model.ada, TOP)


def test_who_may_not_promote_and_what_may_not_be_is_refused(model: Team) -> None:
    for wrong in (model.carol, model.dave):
        with pytest.raises(DecisionRefusedError, match=f"{wrong.name} may not promote"):
            promote(wrong)
    with pytest.raises(UsageError, match="knows no stage"):
        promote(model.ada, stage="prodution")
    model.ada.write("models/stranger.json", "[6]")
    with pytest.raises(DecisionRefusedError, match="unsigned"):
        promote(model.ada, "models/stranger.json")
    override(model.carol, "models/stranger.json", until=now(days=1))
    with pytest.raises(DecisionRefusedError, match="overridden"):
        promote(model.ada, "models/stranger.json")
    revoke(model.carol, MODEL)
    with pytest.raises(DecisionRefusedError, match="revoked"):
        promote(model.ada)
    assert not (model.root / "models/production").exists()


def test_a_promotion_that_was_forged_brings_nothing_up(model: Team, person: Make) -> None:
    """The review and the provenance are about another name: only a lead's promotion carries them over."""
    approve(model.carol, MODEL)
    model.ada.write(TOP, (model.root / MODEL).read_bytes())
    eve: Person = person("eve", root=model.root.parent / "other")
    eve.init()
    leads = vouching_key(model.ada), vouching_key(model.bob)
    for signer in leads:
        plant(model.ada, vouch(model.ada, TOP, signer, kind="model"))
    missing = {"provenance-missing", "review-missing"}
    for envelope in (
        promotion(model.ada, TOP, stranger(), source=MODEL),
        promotion(model.ada, TOP, vouching_key(model.dave), source=MODEL),
        promotion(model.ada, TOP, run_key(model.ada), source=MODEL),
        promotion(model.ada, TOP, leads[0], source=MODEL, project=eve.project.project_id),
        promotion(model.ada, TOP, leads[0], source=MODEL, at=now(hours=1)),
        promotion(model.ada, "models/production/other.json", leads[0], source=MODEL),
        approval(model.ada, TOP, leads[0]),
    ):
        plant(model.ada, envelope)
        assert set(codes(model.ada.verify(TOP))) == missing
    plant(model.ada, promotion(model.ada, TOP, leads[0], source=MODEL, kind="model"))
    assert_fine(model.ada, TOP)


def test_one_lead_does_not_make_two_by_promoting_twice(model: Team) -> None:
    approve(model.carol, MODEL)
    assert not promote(model.ada).done
    assert not promote(model.ada).done
    model.ada.sign(MODEL)
    assert codes(promote(model.ada).verdict) == ["threshold-not-met"]  # type: ignore[arg-type]
    assert not (model.root / TOP).exists()


def test_an_input_that_is_revoked_takes_what_was_promoted_down(model: Team) -> None:
    _promoted(model)
    plant(model.ada, revocation(model.ada, digest_at(model.ada, "data/train.csv"), vouching_key(model.carol)))
    assert_refused(model.ada, TOP, "input-revoked")


# notebooks


def test_a_notebook_is_reviewed_with_what_its_last_run_read_and_wrote(team: Team) -> None:
    cell = "df = mlsc.load('data/train.csv')"
    notebook = {"cells": [{"cell_type": "code", "id": "a", "source": cell, "metadata": {}, "outputs": []}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    team.ada.write("reviewed/train.ipynb", json.dumps(notebook))
    team.ada.sign("reviewed/train.ipynb")
    run = team.ada.new_run()
    run.at(Place("reviewed/train.ipynb", "a", 1, "sha256:" + hashlib.sha256(cell.encode()).hexdigest()))
    team.ada.load("data/train.csv", run)
    team.ada.save([1], MODEL, run)
    done = approve(team.bob, "reviewed/train.ipynb")
    assert done.seen == 2
    told = [
        predicates.from_predicate(found.statement.predicate, decisions.VerificationBody).mlsc for found in team.bob.project.books.claims.of_type(decisions.SVR)
    ]
    assert [(t.kind, t.inputs, t.outputs) for t in told if t is not None] == [
        (
            "notebook",
            (decisions.Bound("data/train.csv", str(digest_at(team.ada, "data/train.csv"))),),
            (decisions.Bound(MODEL, str(digest_at(team.ada, MODEL))),),
        )
    ]
    # It is a word about the notebook: what it made has a name and a rule of its own.
    approve(team.carol, "reviewed/train.ipynb")
    assert codes(team.ada.verify("reviewed/train.ipynb")) == []
    team.ada.write("reviewed/churn.json", (team.root / MODEL).read_bytes())
    assert codes(team.ada.verify("reviewed/churn.json")) == ["review-missing"]
