"""From a tally to the reasons that a person reads: the most helpful of several near misses, in words that are safe to show and to paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from jupyter_mlsc.policy.counting import ELSEWHERE, Counted, Tally, is_about
from jupyter_mlsc.policy.evidence import Claim, Evidence, InputClaim, Revocation
from jupyter_mlsc.policy.reproducing import SUPERVISED, Attempt
from jupyter_mlsc.policy.reviewing import Hearing
from jupyter_mlsc.policy.rules import Formats, Identity, PolicyLayer, Reproduced, Review, Rule, ScanRule, Signed
from jupyter_mlsc.policy.scanning import Scan
from jupyter_mlsc.policy.tripping import tripped
from jupyter_mlsc.verdict import Reason, reason

LIFTED_BY_OWN_OUTPUT = frozenset(
    {
        "unsigned",
        "digest-mismatch",
        "other-name",
        "superseded",
        "other-project",
        "unbound",
        "wrong-kind",
        "untrusted-signer",
        "threshold-not-met",
        "author-signed",
        "wrong-channel",
        "expired",
        "not-yet-valid",
        "provenance-missing",
        "key-revoked",
        "review-missing",
        "not-reproduced",
        "scan-missing",
    }
)
"""What a run need not wait for to read back what it wrote: that somebody has stood for it. Formats, inputs, tampering and faults stay."""

# Of several near misses the one that takes the least to put right; statements about these bytes go before those about others.
_NEAR_MISSES = ("not-yet-valid", "wrong-channel", "wrong-kind", "key-revoked", "other-name", "other-project", "untrusted-signer", "unbound")
_SHOWN = 5
_INSTEAD = {"model": "safetensors", "dataset": "parquet"}


def signature_reasons(tally: Tally, rule: Rule, signed: Signed, layer: PolicyLayer, evidence: Evidence) -> list[Reason]:
    """Why the count for a rule is too low; nothing when it is not."""
    if len(tally.persons) >= signed.threshold:
        return []
    say = _Speaker(evidence.name, signed.by, layer)
    superseded, mismatched = tally.of("superseded"), tally.of("digest-mismatch")
    elsewhere = [say.other_name(c) for c in tally.of("other-name")[:1]]
    if superseded and tally.deciding is not None:
        return [say("superseded", signed_by=say.names(tally.deciding), newer=_when(tally.deciding.claim.signed_at)), *elsewhere]
    same = tally.of("counted", "expired", "author-signed")
    if same:
        return _shortfall(tally, signed, say)
    if mismatched:
        newest = tally.deciding or mismatched[0]
        found = evidence.measured.digest if evidence.measured is not None else None
        facts = {"signed_by": say.names(newest), "signed": _short(str(newest.claim.digest)), "found": _short(str(found)) if found else "something else"}
        return [say("digest-mismatch", **facts), *elsewhere]
    near = sorted(
        (c for c in tally.claims if c.outcome in _NEAR_MISSES),
        key=lambda c: (not is_about(c.claim, evidence), _NEAR_MISSES.index(c.outcome), -c.dated.timestamp() if c.claim.signed_at else 0, c.claim.source),
    )
    return [_near_miss(near[0], rule, signed, say)] if near else [say("unsigned")]


def _shortfall(tally: Tally, signed: Signed, say: _Speaker) -> list[Reason]:
    reasons = []
    expired, authored = tally.of("expired"), tally.of("author-signed")
    if expired and signed.max_age is not None:
        reasons.append(say("expired", signed_at=_when(expired[0].claim.signed_at), max_age=duration(signed.max_age)))
    if authored and not tally.persons:
        reasons.append(say("author-signed", author=_listed(sorted(tally.authors))))
    elif tally.persons or not reasons:
        reasons.append(say("threshold-not-met", have=len(tally.persons), need=signed.threshold))
    return reasons


def _near_miss(near: Counted, rule: Rule, signed: Signed, say: _Speaker) -> Reason:
    claim = near.claim
    if near.outcome == "not-yet-valid":
        return say("not-yet-valid", signed_at=_when(claim.signed_at))
    if near.outcome == "wrong-channel":
        return say("wrong-channel", channel=shown(claim.channel or "(none)"), need=" or ".join(signed.channel))
    if near.outcome == "wrong-kind":
        return say("wrong-kind", other=shown(claim.kind or "(nothing)"), kind=rule.kind)
    if near.outcome == "other-name":
        return say.other_name(near)
    if near.outcome == "other-project":
        return say("other-project", other=shown(claim.project or ""))
    if near.outcome in ("untrusted-signer", "key-revoked"):
        return say(near.outcome, signer=say.names(near))
    return say("unbound", where=shown(claim.source))


class _Speaker:
    """Fills the table of reasons for one artifact and rule: whom to ask, and names that a terminal can show and a shell can take."""

    def __init__(self, name: str, roles: tuple[str, ...], layer: PolicyLayer) -> None:
        self._name = name
        manned = [role for role in roles if any(not layer.identities[n].is_run for n in layer.roles[role])]
        self._only_runs = bool(roles) and not manned
        self._role = " or ".join(manned or roles) or "person who may sign it"

    def __call__(self, code: str, **facts: object) -> Reason:
        facts["role"] = self._role
        # The sentence is read, the next step is pasted into a shell.
        read, pasted = reason(code, name=shown(self._name), **facts), reason(code, name=_pasted(self._name), **facts)
        following = pasted.next
        if self._only_runs and f"a {self._role}" in following:
            following = f"have a run make it: %mlsc_save NAME {_pasted(self._name)}"
        return replace(read, message=_articles(read.message, self._role), next=_articles(following, self._role))

    def names(self, counted: Counted) -> str:
        """Who is behind a claim."""
        if counted.voices:
            return _listed(sorted({voice.name for voice in counted.voices}))
        keys = counted.claim.keys
        return f"an unknown key ({keys[0][:12]}...)" if keys else "a key that this policy does not name"

    def other_name(self, counted: Counted) -> Reason:
        return self("other-name", other=shown(counted.claim.name or ""))


def requirement_reason(code: str, evidence: Evidence, *, inputs: Iterable[InputClaim] = ()) -> Reason:
    """`provenance-missing`, or `inputs-unverified` with the inputs' names."""
    listed = _listed([shown(each.name) for each in inputs])
    return replace(
        reason(code, name=shown(evidence.name), inputs=listed),
        next=reason(code, name=_pasted(evidence.name), inputs=listed).next,
    )


def dataset_reasons(rule: Rule, layer: PolicyLayer, evidence: Evidence) -> tuple[list[Reason], list[Reason]]:
    """What is missing of a required profile and which tripwires were touched: reasons that fail, and those that are only warned of."""
    wires, known = rule.dataset.tripwires, evidence.dataset
    say = _Speaker(evidence.name, rule.signed.by if rule.signed is not None else (), layer)
    failing = [say("profile-missing")] if "profile" in rule.require and (known is None or not known.profiled) else []
    if wires is None or known is None:
        return failing, []
    against = rule.dataset.profile_of or evidence.name
    signed = known.yardsticks.get(against)
    if signed is None:
        # Of what nobody has signed, signatures are what is missing.
        touched = (
            [] if rule.dataset.profile_of is None else [say("tripwire-unchecked", why=f"no profile of {shown(against)} counts here", against=_pasted(against))]
        )
    elif known.present is None:
        touched = [say("tripwire-unchecked", why=shown(known.why), against=_pasted(evidence.name))]
    else:
        how = "" if rule.dataset.profile_of is None else f" --against {_pasted(against)}"
        yardstick = "the signed profile" if rule.dataset.profile_of is None else f"the profile of {shown(against)}"
        touched = [say(code, what=shown(what, 2000), against=yardstick, how=how) for code, what in tripped(wires, signed, known.present)]
    if wires.then == "block":
        return failing + touched, []
    return failing, [replace(each, fails=False) for each in touched]


def review_reasons(hearing: Hearing, review: Review, layer: PolicyLayer, evidence: Evidence) -> list[Reason]:
    """Why a review is missing, or what was rejected; nothing when enough persons have approved and no rejection stands against it."""
    if len(hearing.approvals) >= review.threshold:
        return []
    say = _Speaker(evidence.name, review.by, layer)
    if hearing.rejections:
        last = max(hearing.rejections, key=lambda v: (v.claim.signed_at is not None and v.claim.signed_at.timestamp(), v.person))
        return [say("review-rejected", who=last.person, when=_when(last.claim.signed_at), note=shown(last.claim.note) or "(no note)")]
    if hearing.by_authors and not hearing.approvals:
        why = f": {_listed([v.person for v in hearing.by_authors])} is the author"
    elif hearing.otherwise:
        why = f"; {hearing.otherwise} decision{'s' if hearing.otherwise > 1 else ''} by others, through other channels or about another name do not count"
    else:
        why = ""
    return [say("review-missing", have=len(hearing.approvals), need=review.threshold, why=why)]


def reproduction_reasons(attempt: Attempt, asked: Reproduced, layer: PolicyLayer, evidence: Evidence) -> list[Reason]:
    """Why it was not reproduced as the rule asks; nothing where it was."""
    if attempt.outcome == "reproduced":
        return []
    claim, who = attempt.claim, attempt.who.name if attempt.who is not None else "an unknown key"
    when = _when(claim.signed_at) if claim is not None else ""
    tolerance = None if claim is None else claim.tolerance
    why = {
        "none": "no run says that it made the same again",
        "untrusted": f"only runs that are no {' or '.join(asked.by)} here say so",
        "key-revoked": f"the replay by {who} is signed with a key that was revoked",
        "guarded": f"the replay by {who} was not supervised",
        "author": f"only runs of its own author, {attempt.who.person if attempt.who is not None else ''}, replayed it",
        "future": f"the replay by {who} is dated {when}, in the future",
        "expired": f"the replay by {who} is from {when}; the rule accepts none older than {duration(asked.max_age) if asked.max_age is not None else ''}",
        "differs": f"the newest replay, by {who} on {when}, did not make the same",
        "too-loose": f"the replay by {who} was the same within {tolerance} only; the rule accepts "
        + (f"{asked.tolerance}" if asked.tolerance is not None else "the same bytes"),
    }[attempt.outcome]
    mending = _MENDING.get(attempt.outcome, "run it again")
    runs = _listed(sorted(layer.holders(asked.by)))
    facts = {"why": why, "mending": mending, "runs": runs, "supervised": ", supervised" if asked.tier == SUPERVISED else ""}
    told = reason("not-reproduced", name=shown(evidence.name), **facts)
    return [replace(told, next=reason("not-reproduced", name=_pasted(evidence.name), **facts).next)]


_MENDING = {
    "differs": "find out what differs",
    "too-loose": "find out what differs",
    "author": "have somebody else run it again",
    "future": "put the clock right, then run it again",
}


def scan_reasons(scan: Scan, asked: ScanRule, layer: PolicyLayer, evidence: Evidence) -> list[Reason]:
    """Why it was not scanned as the rule asks, or did not pass; nothing where it did."""
    if scan.outcome == "passed":
        return []
    claim, who = scan.claim, scan.who.name if scan.who is not None else "an unknown key"
    when = _when(claim.signed_at) if claim is not None else ""
    facts: dict[str, str] = {"who": who, "when": when, "persons": _listed(sorted(layer.holders(asked.by)))}
    code = "scan-failed" if scan.outcome == "failed" else "scan-missing"
    facts["why"] = {
        "failed": _listed([shown(each) for each in claim.failed_tests]) if claim is not None else "",
        "none": "nobody says that it was scanned",
        "untrusted": f"only others than {' or '.join(asked.by)} say so",
        "key-revoked": f"the scan by {who} is signed with a key that was revoked",
        "other-scanner": f"the scan by {who} on {when} was made by another version, or with other lists",
        "future": f"the scan by {who} is dated {when}, in the future",
        "expired": f"the scan by {who} is from {when}; the rule accepts none older than {duration(asked.max_age) if asked.max_age is not None else ''}",
    }[scan.outcome]
    return [replace(reason(code, name=shown(evidence.name), **facts), next=reason(code, name=_pasted(evidence.name), **facts).next)]


def revocation_reason(revocation: Revocation, who: Identity, evidence: Evidence) -> Reason:
    """`revoked`, or `input-revoked` for what was made from it."""
    facts = {"who": who.name, "when": _when(revocation.signed_at), "why": shown(revocation.why)}
    if revocation.through is not None:
        return reason("input-revoked", name=shown(evidence.name), what=shown(revocation.through), **facts)
    return reason("revoked", what=shown(evidence.name), **facts)


def override_reason(covered: list[Reason], claim: Claim, who: Identity, evidence: Evidence) -> Reason:
    """The note that stands in for what an exception covers."""
    codes = ", ".join(dict.fromkeys(each.code for each in covered))
    told = reason("overridden", codes=codes, name=shown(evidence.name), who=who.name, until=_when(claim.until), why=shown(claim.note), then="")
    return replace(told, next=f"have it put right before then: {covered[0].next}")


def format_reason(refused: frozenset[str], formats: Formats, rule: Rule, evidence: Evidence) -> Reason:
    """`format-denied`, with a format that would do."""
    instead = sorted(formats.allow)[0] if formats.allow else _INSTEAD.get(rule.kind or "", "safetensors or parquet")
    what = " and ".join(sorted(refused)) if refused else "of no format that is known"
    return reason("format-denied", name=shown(evidence.name), format=what, instead=instead)


def own_output_reason(evidence: Evidence) -> Reason:
    """The note that stands in for what a run's own output lacks."""
    return reason("own-output", name=shown(evidence.name))


def ungoverned_reason(evidence: Evidence) -> Reason:
    """The note that nothing is asked."""
    return reason("ungoverned", name=shown(evidence.name))


def outcome_sentence(counted: Counted) -> str:
    """Why a claim counted or not, in a few words, for `policy explain`."""
    claim = counted.claim
    sentences = {
        "counted": "counts",
        "not-vouching": _decision_sentence(claim),
        ELSEWHERE: f"is about {shown(claim.name or 'another artifact')}",
        "other-name": f"is about these bytes as {shown(claim.name or '')}",
        "other-project": f"is of another project ({shown(claim.project or '')})",
        "unbound": "binds no name or project, and the rule does not say unbound = true",
        "untrusted-signer": "is by nobody who holds the rule's roles with that sort of key",
        "key-revoked": "is by a key that was revoked",
        "wrong-kind": f"is about a {shown(claim.kind or 'thing of no kind')}",
        "wrong-channel": f"came through the channel {shown(claim.channel or '(none)')}",
        "not-yet-valid": f"is dated {_when(claim.signed_at)}, in the future",
        "superseded": "is older than the newest statement for this name, which is for other bytes",
        "digest-mismatch": f"is for other bytes ({_short(str(claim.digest))})",
        "expired": f"is from {_when(claim.signed_at)}, older than the rule accepts",
        "author-signed": "is the author's own word",
    }
    return sentences[counted.outcome]


def _decision_sentence(claim: Claim) -> str:
    if claim.decision is None:
        return "is a record and vouches for nothing"
    until = f" until {_when(claim.until)}" if claim.until is not None else ""
    return f"is a decision ({claim.decision}{until}{': ' + shown(claim.note) if claim.note else ''}) and no signature"


def shown(text: str, most: int = 300) -> str:
    """Text of unknown origin, safe on a terminal: what does not print is escaped, what is endless is cut."""
    safe = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:most])
    return safe if len(text) <= most else safe + "..."


def _pasted(name: str) -> str:
    return shlex.quote(name) if name.isprintable() else shlex.quote(shown(name, 4096))


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _articles(sentence: str, role: str) -> str:
    """'an ml-lead', 'an auditor': the table says 'a' before every role."""
    spoken_vowel = role[:1].lower() in "aeiou" or role.lower().startswith("ml-")
    return sentence.replace(f" a {role}", f" an {role}") if role and spoken_vowel else sentence


def _when(moment: datetime | None) -> str:
    return "no date" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(age: timedelta) -> str:
    """An age in its largest whole unit: ``180 days``."""
    seconds = int(age.total_seconds())
    unit, size = next((u, s) for u, s in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1)) if seconds % s == 0)
    return f"{seconds // size} {unit}"


def _short(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}..."
