"""Verdicts: policy applied to an artifact and the ledger. Frozen values, and the one table of reasons. No I/O, no decision."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NoReturn

import msgspec

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.printing import printable as printable  # most who speak of a verdict need it


class Mode(StrEnum):
    """What happens to an artifact that does not satisfy its rule: recorded only, warned of, or blocked."""

    OBSERVE = "observe"
    WARN = "warn"
    ENFORCE = "enforce"


class Decision(StrEnum):
    """What a gate does: let through, let through and say so, or refuse."""

    ALLOW = "allow"
    WARN = "warn"
    BLOCK = "block"


STRICTNESS = (Decision.ALLOW, Decision.WARN, Decision.BLOCK)


class Reason(msgspec.Struct, frozen=True):
    """Why a verdict is what it is: a stable code, a sentence, and what to do next. A note (``fails`` false) costs nothing."""

    code: str
    message: str
    next: str
    fails: bool = True


NOT_VERIFIED = frozenset({"own-output", "overridden"})
"""Notes under which an artifact may be used and is not verified: nobody stands for it as the rule asks."""

_NO_DETECTOR = " (a tripwire, not a detector)"
_LOOK = "look at what differs: mlsc diff {name}{how}; if it is meant, ask a {role} to sign it, or to change the tripwires of its rule"

# code: (does it fail the artifact?, sentence, next step). Facts are filled in by `reason`.
_REASONS: dict[str, tuple[bool, str, str]] = {
    "unsigned": (True, "no statement names {name}", "ask a {role} to run: mlsc sign {name}"),
    "digest-mismatch": (
        True,
        "{name} was changed: {signed_by} signed {signed}, this is {found}",
        "restore the signed version, or ask a {role} to look at the change and run: mlsc sign {name}",
    ),
    "other-name": (True, "these bytes were signed as {other}, not as {name}", "put {other} back in its own place, or ask a {role} to run: mlsc sign {name}"),
    "superseded": (
        True,
        "{name} is an older version: {signed_by} signed a newer one on {newer}",
        "restore the newest signed version, or ask a {role} to sign this one again: mlsc sign {name}",
    ),
    "other-project": (True, "the statement about {name} belongs to another project ({other})", "ask a {role} of this project to run: mlsc sign {name}"),
    "unbound": (
        True,
        "a statement about these bytes binds no name or project ({where})",
        "ask a {role} to run: mlsc sign {name} (or, where bytes alone are enough, write unbound = true in the rule)",
    ),
    "wrong-kind": (True, "{name} was signed as a {other}, the rule asks for a {kind}", "ask a {role} to run: mlsc sign --kind {kind} {name}"),
    "untrusted-signer": (True, "{name} is signed by {signer}, who is no {role} here", "ask a {role} to run: mlsc sign {name}"),
    "threshold-not-met": (True, "{name} has {have} of the {need} persons' signatures that the rule asks for", "ask another {role} to run: mlsc sign {name}"),
    "author-signed": (True, "{name} was signed only by its author, {author}", "ask a {role} other than {author} to run: mlsc sign {name}"),
    "wrong-channel": (True, "{name} was signed through the channel {channel}, the rule asks for {need}", "sign it again through: {need}"),
    "expired": (True, "the signature on {name} is from {signed_at}; the rule accepts none older than {max_age}", "ask a {role} to run: mlsc sign {name}"),
    "not-yet-valid": (
        True,
        "the statement about {name} is dated {signed_at}, which is in the future",
        "correct the clock of the machine that signed, then sign again: mlsc sign {name}",
    ),
    "key-revoked": (True, "{name} is signed with a key of {signer} that was revoked", "ask a {role} to look at it and run: mlsc sign {name}"),
    "review-missing": (
        True,
        "{name} has {have} of the {need} approvals that the rule asks for{why}",
        "ask a {role} to run: mlsc review {name} --approve --note TEXT",
    ),
    "review-rejected": (
        True,
        "{name} was rejected by {who} on {when}: {note}",
        "put right what was found; or ask a {role} to look again and run: mlsc review {name} --approve --note TEXT",
    ),
    "not-reproduced": (
        True,
        "{name} was not reproduced: {why}",
        "{mending}: mlsc replay NOTEBOOK (mlsc lineage {name} names it){supervised}, by one of {runs}",
    ),
    "scan-missing": (True, "{name} was not scanned: {why}", "have one of {persons} run: mlsc sign {name}, which scans it first"),
    "scan-failed": (
        True,
        "{name} did not pass the scan by {who} on {when}: {why}",
        "see what was found: mlsc scan {name}; then do not use it, or have one of {persons} accept what is known: mlsc scan {name} --accept CODE --why TEXT",
    ),
    "revoked": (
        True,
        "{what} was revoked by {who} on {when}: {why}",
        "do not use these bytes: restore a version that stands; what was made from them: mlsc log show",
    ),
    "input-revoked": (
        True,
        "{name} was made from {what}, which was revoked by {who} on {when}: {why}",
        "make it again without {what}",
    ),
    "overridden": (False, "{codes} of {name} is overridden by {who} until {until}: {why}", "have it put right before then: {then}"),
    "lineage-cut": (
        False,
        "it was made from more than {most} artifacts, and not all of them were looked at for revocations",
        "revoke what was made from a bad input by name, too",
    ),
    "signature-invalid": (
        True,
        "a statement about {name} does not verify ({where}): {why}",
        "remove or restore {where}, then have it signed again: mlsc sign {name}",
    ),
    "digest-pair": (
        True,
        "a statement about {name} binds two digests of different bytes ({where}, key {key})",
        "do not trust its signer before you know why; remove {where}, and ask for a new signature",
    ),
    "statement-invalid": (False, "a statement could not be read and was not counted ({where}): {why}", "remove or restore {where}"),
    "inputs-unverified": (True, "{name} was made from inputs that nobody vouched for: {inputs}", "have the inputs signed, then run the notebook again"),
    "provenance-missing": (True, "no run says how {name} was made", "save it from a notebook with: %mlsc_save NAME {name}"),
    "save-refused": (True, "{name} was not saved, since {why}", "put right what was found, then save it again; see it all: mlsc scan {name}"),
    "format-denied": (True, "{name} is {format}, which the rule does not accept", "save it in another format, for instance {instead}"),
    "format-mismatch": (True, "{name} is named like {named}, but its bytes are {found}", "give the file the suffix of what it is, or ask where it came from"),
    "profile-missing": (True, "no profile of {name} as it is was signed by a {role}", "ask a {role} to run: mlsc sign {name}"),
    "label-shift": (True, "{name}: {what}, against {against}" + _NO_DETECTOR, _LOOK),
    "duplicate-rows": (True, "{name}: {what}, against {against}" + _NO_DETECTOR, _LOOK),
    "schema-drift": (True, "{name}: {what}, against {against}" + _NO_DETECTOR, _LOOK),
    "out-of-range": (True, "{name}: {what}, against {against}" + _NO_DETECTOR, _LOOK),
    "near-constant": (True, "{name}: {what}, against {against}" + _NO_DETECTOR, _LOOK),
    "unseen-categories": (True, "{name}: {what}, against {against}" + _NO_DETECTOR, _LOOK),
    "missing-values": (True, "{name}: {what}, against {against}" + _NO_DETECTOR, _LOOK),
    "tripwire-unchecked": (
        True,
        "the tripwires of {name} could not be looked at: {why}",
        "have {against} signed as a data set that can be profiled: mlsc sign {against}",
    ),
    "unpickle-denied": (
        True,
        "{name} would run {global_name} while it loads, which no list allows",
        "ask a person whom the policy trusts to inspect it and run: mlsc sign {name}",
    ),
    "tampered-in-use": (True, "{name} changed between the check and the load", "load it again; if this comes back, another process is writing to it"),
    "own-output": (False, "{name} was written by this run", "have it signed before others use it"),
    "ungoverned": (False, "no rule of the policy asks anything of {name}", "add a [[rule]] to mlsc.toml that matches it"),
    "policy-changed": (
        False,
        "mlsc.toml differs from the version that you accepted; the accepted one rules",
        "look at the change and accept it: mlsc policy trust",
    ),
    "policy-untrusted": (True, "you have not accepted this project's policy, so nobody is trusted", "read mlsc.toml, then run: mlsc policy trust"),
    "policy-invalid": (True, "the policy cannot be used: {why}", "mend mlsc.toml: mlsc policy check"),
    "ledger-inconsistent": (
        True,
        "the ledger contradicts a checkpoint that you have seen: {why}",
        "run: mlsc log verify, and restore the ledger from a backup",
    ),
    "ledger-replaced": (
        True,
        "the ledger in this project is not the one that you knew: {why}",
        "restore .mlsc/ledger.db, or, if it was meant, accept the new one: mlsc policy trust",
    ),
    "cache-unused": (False, "unchanged files are hashed again at every load: {why}", "nothing is less safe for it, only slower"),
    "ledger-readonly": (
        False,
        "another user's key keeps this ledger, so nothing was appended; statements go to .mlsc/claims",
        "ask its keeper to import the claims",
    ),
}


def reason(code: str, **facts: object) -> Reason:
    """Build a reason from the table. Raises KeyError for a code or a fact that the table does not know."""
    fails, message, following = _REASONS[code]
    return Reason(code, message.format(**facts), following.format(**facts), fails)


def reason_codes() -> tuple[str, ...]:
    """All codes, in the table's order."""
    return tuple(_REASONS)


def reason_template(code: str) -> tuple[str, str]:
    """The sentence and the next step of a code, with the names of their facts in braces. Raises KeyError."""
    _, message, following = _REASONS[code]
    return message, following


class SignerSeen(msgspec.Struct, frozen=True):
    """Who stands behind a verdict: an identity of the policy, the id of the key, and the time that the statement gives (RFC 3339)."""

    identity: str | None
    key: str
    at: str


class DecisionSeen(msgspec.Struct, frozen=True):
    """A person's decision that a verdict rests on: ``approved``, ``rejected``, ``promoted``, ``revoked`` or ``overridden``; by whom, when, why.

    ``about`` is what was revoked, where that is not the artifact itself; ``until`` is when an exception ends. Times are RFC 3339.
    """

    decision: str
    by: str
    at: str
    why: str
    until: str | None = None
    about: str | None = None


class Verdict(msgspec.Struct, frozen=True):
    """The policy's answer for one artifact. It has no truth value: ask ``allowed``, ``verified`` or ``decision``."""

    path: str
    digest: Digest | None
    kind: str | None
    decision: Decision
    mode: Mode
    reasons: tuple[Reason, ...] = ()
    signers: tuple[SignerSeen, ...] = ()
    tier: str | None = None
    governed: bool = True
    person_signed: bool = False
    """A person (not a run) whom the policy trusts for this artifact stands for exactly these bytes: lifts the unpickle allowlist."""
    decisions: tuple[DecisionSeen, ...] = ()

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has no truth value: use verdict.allowed, verdict.verified or verdict.decision")

    @property
    def allowed(self) -> bool:
        """True unless the gate must block."""
        return self.decision is not Decision.BLOCK

    @property
    def verified(self) -> bool:
        """True when a rule governs the artifact and is satisfied, whatever the mode. What a run wrote itself, or an exception covers, has satisfied nothing."""
        return self.governed and not any(r.fails or r.code in NOT_VERIFIED for r in self.reasons)


def decision_for(mode: Mode, reasons: Iterable[Reason]) -> Decision:
    """Turn reasons into a decision by the mode: a failing reason allows in observe, warns in warn, blocks in enforce.

    Code that would run is never only warned of: a warning after it has run is worth nothing.
    """
    failing = [r for r in reasons if r.fails]
    if not failing:
        return Decision.ALLOW
    if mode is Mode.WARN and any(r.code == "unpickle-denied" for r in failing):
        return Decision.BLOCK
    return {Mode.OBSERVE: Decision.ALLOW, Mode.WARN: Decision.WARN, Mode.ENFORCE: Decision.BLOCK}[mode]


def with_reason(verdict: Verdict, added: Reason, mode: Mode) -> Verdict:
    """The verdict with one reason more, decided anew by the mode; it never becomes weaker."""
    reasons = (*verdict.reasons, added)
    decision = max(verdict.decision, decision_for(mode, reasons), key=STRICTNESS.index)
    return msgspec.structs.replace(verdict, reasons=reasons, decision=decision)


def summary(verdict: Verdict) -> str:
    """One paragraph for a person: what, why, and the next step."""
    word = {"allow": "allowed", "warn": "warning", "block": "blocked"}[verdict.decision]
    shown = [r for r in verdict.reasons if r.fails] or list(verdict.reasons)
    lines = [f"{printable(verdict.path)}: {word}"]
    for item in shown:
        lines.append(f"  why:  {printable(item.message)} [{item.code}]")
        lines.append(f"  next: {printable(item.next)}")
    return "\n".join(lines)
