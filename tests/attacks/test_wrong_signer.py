"""Somebody signs who may not: a stranger, a run in a person's place, one person in the place of two, too long ago or in the future."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.attestation import add_signature, seal
from jupyter_mlsc.digests import measure
from jupyter_mlsc.export.oms import oms_statement
from jupyter_mlsc.keys import PublicKey, Signer
from tests.attacks.forgery import (
    accept,
    assert_fine,
    assert_refused,
    changed_byte,
    codes,
    now,
    plant,
    plant_beside,
    provenance,
    run_key,
    stranger,
    vouch,
    vouching_key,
)
from tests.conftest import CSV, Person

POISONED = CSV.replace(",1\n", ",0\n")


def test_a_stranger_who_signs_changes_nothing_anywhere(signed_dataset: Person) -> None:
    """In the claims, beside the artifact; for new bytes and for signed ones."""
    mallory = stranger()
    signed_dataset.write("data/poisoned.csv", POISONED)
    plant(signed_dataset, vouch(signed_dataset, "data/poisoned.csv", mallory))
    assert_refused(signed_dataset, "data/poisoned.csv", "untrusted-signer")
    plant_beside(signed_dataset, vouch(signed_dataset, "data/poisoned.csv", mallory), "data/poisoned.csv")
    assert_refused(signed_dataset, "data/poisoned.csv", "untrusted-signer")
    changed_byte(signed_dataset.root / "data/train.csv")
    plant(signed_dataset, vouch(signed_dataset, "data/train.csv", mallory))
    assert_refused(signed_dataset, "data/train.csv", "digest-mismatch")


def test_nothing_is_exported_that_only_a_stranger_signed(ada: Person) -> None:
    """In `warn` the verdict lets the artifact through; a bundle by somebody unknown is nothing to hand on all the same."""
    accept(ada, change=lambda text: text.replace('mode = "enforce"', 'mode = "warn"'))
    path = ada.write("data/train.csv")
    plant(ada, seal(oms_statement(measure(path), path.name), [stranger()]))
    done = ada.mlsc("export", "data/train.csv", "--format", "oms")
    assert done.returncode == 2
    assert "nobody whom the policy names has signed data/train.csv" in done.stderr
    assert not path.with_name("train.csv.sig").exists()


def test_a_stranger_cannot_supersede_what_a_person_signed(signed_dataset: Person) -> None:
    text = (signed_dataset.root / "data/train.csv").read_bytes()
    changed_byte(signed_dataset.root / "data/train.csv")
    newer = vouch(signed_dataset, "data/train.csv", stranger(), run_key(signed_dataset), signed_at=now(seconds=30))
    plant(signed_dataset, newer)
    signed_dataset.write("data/train.csv", text)
    assert_fine(signed_dataset, "data/train.csv")


def test_a_strangers_signature_that_names_a_persons_key_is_refused(signed_dataset: Person) -> None:
    """The key id in an envelope is a hint, never trusted."""

    class Posing:
        public: PublicKey = vouching_key(signed_dataset).public

        def __init__(self) -> None:
            self._mine = stranger()

        def sign(self, data: bytes) -> bytes:
            return self._mine.sign(data)

    signed_dataset.write("data/poisoned.csv", POISONED)
    plant(signed_dataset, vouch(signed_dataset, "data/poisoned.csv", Posing()))
    verdict = signed_dataset.verify("data/poisoned.csv")
    assert "signature-invalid" in codes(verdict)
    assert not verdict.allowed


def test_a_run_key_cannot_speak_as_a_person(signed_dataset: Person) -> None:
    """`artifact/v1` by a run key counts for nothing, also where runs hold a role of the rule."""
    for path in ("data/poisoned.csv", "models/poisoned.csv", "data/derived/poisoned.csv"):
        signed_dataset.write(path, POISONED)
        plant(signed_dataset, vouch(signed_dataset, path, run_key(signed_dataset)))
        assert_refused(signed_dataset, path, "untrusted-signer")


def test_a_person_cannot_speak_as_a_run(signed_dataset: Person) -> None:
    """Provenance is what runs say: a person's signature on it is neither a vouching nor provenance."""
    signed_dataset.write("models/made.csv", POISONED)
    plant(signed_dataset, provenance(signed_dataset, "models/made.csv", vouching_key(signed_dataset)))
    assert_refused(signed_dataset, "models/made.csv", "untrusted-signer")


def test_provenance_by_an_attackers_key_makes_nothing_verified(signed_dataset: Person) -> None:
    signed_dataset.write("models/made.csv", POISONED)
    told = predicates.InputBody("allow", verified=True)
    digest = signed_dataset.verify("data/train.csv").digest
    assert digest is not None
    plant(signed_dataset, provenance(signed_dataset, "models/made.csv", stranger(), inputs=[("data/train.csv", digest, told)]))
    assert_refused(signed_dataset, "models/made.csv", "untrusted-signer")


def test_a_record_of_a_load_vouches_for_nothing(ada: Person) -> None:
    """A run's word that something was loaded and found good (a VSA, PASSED) is no statement about the artifact."""
    ada.write("notes.csv")
    ada.load("notes.csv")  # ungoverned there: allowed, and recorded
    ada.write("data/notes.csv")
    assert_refused(ada, "data/notes.csv", "unsigned")


@pytest.fixture
def team(person: Callable[..., Person], ada: Person) -> tuple[Person, Person]:
    """Ada and Bob: what is in `data/` takes both of them."""
    bob: Person = person("bob", root=ada.root.parent / "of-bob")
    bob.init()
    key = vouching_key(bob).public.base64_der

    def change(text: str) -> str:
        text = text.replace("[roles]", f'bob = {{ key = "{key}" }}\n\n[roles]').replace('data-steward = ["ada"]', 'data-steward = ["ada", "bob"]')
        return text.replace('signed = { by = "data-steward" }', 'signed = { by = "data-steward", threshold = 2, max-age = "30d" }')

    accept(ada, change=change)
    return ada, bob


def _second_key(person: Person) -> Signer:
    """Another vouching key of the same person, which the policy names beside the first."""
    keys = person.project.keys
    entry = keys.new("vouching", f"{person.name}-two", passphrase=person.passphrases)
    first = vouching_key(person).public.base64_der
    accept(person, change=lambda text: text.replace(f'key = "{first}"', f'key = ["{first}", "{entry.public}"]'))
    return keys.signer(entry, person.passphrases)


def test_one_person_does_not_meet_a_threshold_of_two(team: tuple[Person, Person]) -> None:
    ada, bob = team
    ada.write("data/train.csv")
    first = vouching_key(ada)
    ada.sign("data/train.csv")
    ada.sign("data/train.csv")
    assert_refused(ada, "data/train.csv", "threshold-not-met")
    # Neither two keys of hers, in one envelope or two, nor her runs' key make two persons of her.
    second = _second_key(ada)
    plant(ada, vouch(ada, "data/train.csv", first, second, run_key(ada)))
    plant(ada, vouch(ada, "data/train.csv", second))
    plant(ada, provenance(ada, "data/train.csv", run_key(ada)))
    assert_refused(ada, "data/train.csv", "threshold-not-met")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(bob)))
    assert_fine(ada, "data/train.csv")


def test_a_second_signature_for_other_bytes_does_not_meet_the_threshold(team: tuple[Person, Person]) -> None:
    ada, bob = team
    ada.write("data/train.csv", "x\n1\n")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(bob), signed_at=now(days=-1)))
    ada.write("data/train.csv")
    ada.sign("data/train.csv")
    assert_refused(ada, "data/train.csv", "threshold-not-met")


def test_signatures_cannot_be_gathered_from_two_projects(team: tuple[Person, Person]) -> None:
    """Bob's signature under another project's statement, put beside Ada's in one envelope."""
    ada, bob = team
    ada.write("data/train.csv")
    mine = vouch(ada, "data/train.csv", vouching_key(ada))
    other = vouch(ada, "data/train.csv", vouching_key(bob), project=bob.project.project_id)
    plant(ada, mine)
    plant(ada, other)
    assert codes(ada.verify("data/train.csv")) == ["threshold-not-met"]
    plant(ada, add_signature(mine, vouching_key(bob)))
    assert_fine(ada, "data/train.csv")


def test_an_expired_signature_is_refused_and_a_fresh_one_is_not(team: tuple[Person, Person]) -> None:
    ada, bob = team
    ada.write("data/train.csv")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(ada), vouching_key(bob), signed_at=now(days=-31)))
    assert_refused(ada, "data/train.csv", "expired")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(ada), vouching_key(bob), signed_at=now(days=-29)))
    assert_fine(ada, "data/train.csv")


def test_a_statement_from_the_future_is_refused(ada: Person) -> None:
    ada.write("data/train.csv")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(ada), signed_at=now(hours=1)))
    assert_refused(ada, "data/train.csv", "not-yet-valid")
    ada.sign("data/train.csv")
    assert_fine(ada, "data/train.csv")


def test_a_run_that_dates_its_word_ahead_does_not_spoil_a_persons_signature(ada: Person) -> None:
    """Who signs follows the newest date, and must not be led into the future by it."""
    ada.write("data/train.csv")
    ada.write("models/m.csv")
    for hours in (1, 12, 23):
        plant(ada, provenance(ada, "data/train.csv", run_key(ada), at=now(hours=hours)))
        plant(ada, provenance(ada, "models/m.csv", run_key(ada), at=now(hours=hours)))
    ada.sign("data/train.csv", "models/m.csv")
    assert_fine(ada, "data/train.csv")
    assert_fine(ada, "models/m.csv")


def test_a_clock_that_ran_ahead_does_not_outdate_what_is_signed_or_saved_after_it(ada: Person) -> None:
    """Within what clocks may differ by, the last word is the last one that was said, not the one with the latest time."""
    for path in ("data/train.csv", "models/m.json"):
        ada.write(path, CSV if path.startswith("data") else "[1]")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(ada), signed_at=now(minutes=3)))
    plant(ada, provenance(ada, "models/m.json", run_key(ada), at=now(minutes=3)))
    ada.write("data/train.csv", CSV + "50,0\n")
    ada.sign("data/train.csv")
    ada.save([2], "models/m.json")
    assert_fine(ada, "data/train.csv")
    assert_fine(ada, "models/m.json")


def test_a_statement_of_another_kind_is_refused(ada: Person) -> None:
    ada.write("data/train.csv")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(ada), kind="model"))
    assert_refused(ada, "data/train.csv", "wrong-kind")


def test_the_author_does_not_approve_what_takes_another(team: tuple[Person, Person]) -> None:
    ada, bob = team
    accept(ada, change=lambda text: text.replace("threshold = 2", "not-author = true"))
    ada.write("data/train.csv")
    ada.sign("data/train.csv")
    assert_refused(ada, "data/train.csv", "author-signed")
    plant(ada, vouch(ada, "data/train.csv", vouching_key(bob)))
    assert_fine(ada, "data/train.csv")


def test_a_channel_that_the_rule_does_not_name_is_refused(ada: Person) -> None:
    accept(ada, change=lambda text: text.replace('signed = { by = "data-steward" }', 'signed = { by = "data-steward", channel = "terminal" }'))
    ada.write("data/train.csv")
    ada.sign("data/train.csv", channel="notebook")
    assert_refused(ada, "data/train.csv", "wrong-channel")
    ada.sign("data/train.csv")
    assert_fine(ada, "data/train.csv")
