"""What a new version of a policy changes, line by line, for a person who is asked to trust it. What asks for less, or trusts more, says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from jupyter_mlsc.policy.reasons import duration
from jupyter_mlsc.policy.rules import (
    Dataset,
    EnvironmentRules,
    Formats,
    Identity,
    Install,
    Override,
    PolicyLayer,
    Reproduced,
    Review,
    Revoke,
    Rule,
    ScanRule,
    Signed,
    Stage,
    Supervise,
)
from jupyter_mlsc.verdict import Mode

WEAKER = " [weaker]"
"""Ends a line whose change asks for less than before or trusts more."""
_MODES = (Mode.OBSERVE, Mode.WARN, Mode.ENFORCE)


def differences(old: PolicyLayer | None, new: PolicyLayer) -> list[str]:
    """Lines that say what is added, removed and changed; all that the new one has where there is no old one."""
    if old is None:
        return list(_all(new))
    lines = [] if old.project_id == new.project_id else [f"project: {old.project_id} -> {new.project_id}"]
    if old.mode != new.mode:
        lines.append(f"mode: {old.mode} -> {new.mode}{_mark(_laxer_mode(old.mode, new.mode))}")
    lines += _identities(old.identities, new.identities)
    for role in dict.fromkeys((*old.roles, *new.roles)):
        lines += _members(f"role {role}", old.roles.get(role, ()), new.roles.get(role, ()))
    lines += _rules(old, new)
    lines += _members("unpickle", sorted(old.unpickle_allow or ()), sorted(new.unpickle_allow or ()))
    lines += _installs(old.install, new.install)
    lines += _environment(old.environment, new.environment)
    lines += _decisions(old, new)
    lines += _supervise(old.supervise, new.supervise)
    return lines


def _installs(old: Install | None, new: Install | None) -> list[str]:
    """What the policy asks of what is installed: each of the three, where it changed."""
    lines = []
    before, after = old or Install(), new or Install()
    if before.require_hashes != after.require_hashes:
        lines.append(f"install: {'hashes are required' if after.require_hashes else 'hashes are no longer required' + WEAKER}")
    for what, was, now in (("indexes", before.indexes, after.indexes), ("names", before.allow, after.allow)):
        if was != now:
            weaker = now is None or (was is not None and not set(now) <= set(was))
            lines.append(f"install: {what} {', '.join(now) if now is not None else 'any'}{WEAKER if weaker else ''}")
    return lines


def _environment(old: EnvironmentRules, new: EnvironmentRules) -> list[str]:
    """Where advisories come from, and licences that are not wanted."""
    lines = []
    if old.advisories != new.advisories:
        lines.append(f"environment: advisories from {new.advisories or 'nowhere'}{WEAKER if old.advisories else ''}")
    lines += [f"environment: the licence {name} is not wanted" for name in new.deny_licences if name not in old.deny_licences]
    return lines + [f"environment: the licence {name} is accepted{WEAKER}" for name in old.deny_licences if name not in new.deny_licences]


def _all(layer: PolicyLayer) -> Iterator[str]:
    yield f"project: {layer.project_id}"
    yield f"mode: {layer.mode}"
    for identity in layer.identities.values():
        yield f"identity {identity.name}: {_who(identity)}"
    for role, names in layer.roles.items():
        yield f"role {role}: {', '.join(names) or 'nobody'}"
    for rule in layer.rules:
        yield f"rule {_match(rule)}: {'; '.join(asks(rule))}"
    for name in sorted(layer.unpickle_allow or ()):
        yield f"unpickle: {name}"
    yield from _installs(None, layer.install)
    yield from _environment(EnvironmentRules(), layer.environment)
    yield from _decisions(None, layer)
    yield from _supervise(Supervise(), layer.supervise)


def asks(rule: Rule) -> tuple[str, ...]:
    """What a rule asks for, a phrase each."""
    said = []
    if rule.signed is not None:
        said.append(_signed(rule.signed))
    if rule.kind is not None:
        said.append(f"kind {rule.kind}")
    if rule.require:
        said.append(f"requires {', '.join(rule.require)}")
    if rule.review is not None:
        said.append(_review(rule.review))
    if rule.reproduced is not None:
        said.append(_reproduced(rule.reproduced))
    if rule.scan is not None:
        said.append(_scan(rule.scan))
    if rule.formats is not None:
        said.append(_formats(rule.formats))
    if rule.mode is not None:
        said.append(f"mode {rule.mode}")
    said += _dataset(rule.dataset)
    if rule.save is not None:
        said.append(f"{rule.save} at save")
    return tuple(said)


def _dataset(dataset: Dataset) -> Iterator[str]:
    if dataset.label is not None:
        yield f"label {dataset.label}"
    if dataset.profile is not None:
        yield f"profile {dataset.profile}"
    wires = dataset.tripwires
    if wires is not None:
        strung = [
            f"{name.replace('_', '-')} {getattr(wires, name)}"
            for name in wires.__struct_fields__
            if getattr(wires, name) is not None and getattr(wires, name) is not False
        ]
        against = f" against {dataset.profile_of}" if dataset.profile_of is not None else ""
        yield f"tripwires{against}: {', '.join(strung)}"


def _trips_less(old: Dataset, new: Dataset) -> bool:
    """True unless every wire of the old rule is strung in the new one, at least as tight, against the same yardstick."""
    was, now = old.tripwires, new.tripwires
    if was is None:
        return False
    if now is None or old.profile_of != new.profile_of or (was.schema and not now.schema) or (was.then == "block" and now.then == "warn"):
        return True
    shares = [(getattr(was, name), getattr(now, name)) for name in was.__struct_fields__ if name not in ("schema", "then")]
    return any(before is not None and (after is None or after > before) for before, after in shares)


def _signed(signed: Signed) -> str:
    text = f"signed by {' or '.join(signed.by)}"
    if signed.threshold > 1:
        text += f", {signed.threshold} persons"
    if signed.max_age is not None:
        text += f", not older than {duration(signed.max_age)}"
    if signed.not_author:
        text += ", not by the author"
    if signed.unbound:
        text += ", also by statements that bind no name"
    if signed.channel:
        text += f", through {' or '.join(signed.channel)}"
    return text


def _review(review: Review) -> str:
    text = f"reviewed by {' or '.join(review.by)}"
    if review.threshold > 1:
        text += f", {review.threshold} persons"
    if not review.not_author:
        text += ", also by the author"
    if review.channel:
        text += f", through {' or '.join(review.channel)}"
    return text


def _reproduced(asked: Reproduced) -> str:
    text = f"reproduced by {' or '.join(asked.by)}"
    if asked.tier == "supervised":
        text += ", supervised"
    if asked.max_age is not None:
        text += f", not longer ago than {duration(asked.max_age)}"
    if asked.not_author:
        text += ", not by the author"
    if asked.tolerance is not None:
        text += f", within {asked.tolerance:g}"
    return text


def _scan(asked: ScanRule) -> str:
    text = f"scanned by {' or '.join(asked.by)}"
    return text if asked.max_age is None else f"{text}, not longer ago than {duration(asked.max_age)}"


def _formats(formats: Formats) -> str:
    return f"formats only {', '.join(sorted(formats.allow))}" if formats.allow is not None else f"formats not {', '.join(sorted(formats.deny))}"


def _identities(old: Mapping[str, Identity], new: Mapping[str, Identity]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was is None and now is not None:
            yield f"identity {name}: added, {_who(now)}{WEAKER}"
        elif was is not None and now is None:
            yield f"identity {name}: removed, {_who(was)}"
        elif was is not None and now is not None and was != now:
            fewer = was.runs_of == now.runs_of and set(now.keys) <= set(was.keys)
            yield f"identity {name}: {_who(was)} -> {_who(now)}{_mark(not fewer)}"


def _who(identity: Identity) -> str:
    keys = ", ".join(f"{key.algorithm} {key.id[:16]}" for key in identity.keys)
    return f"runs of {identity.runs_of} ({keys})" if identity.is_run else f"a person ({keys})"


def _members(what: str, old: Iterable[str], new: Iterable[str]) -> Iterator[str]:
    before, after = tuple(old), tuple(new)
    for name in after:
        if name not in before:
            yield f"{what}: added {name}{WEAKER}"
    for name in before:
        if name not in after:
            yield f"{what}: removed {name}"


def _rules(old: PolicyLayer, new: PolicyLayer) -> Iterator[str]:
    before, after = {rule.match: rule for rule in old.rules}, {rule.match: rule for rule in new.rules}
    for match, was in before.items():
        if match not in after:
            yield f"rule {_match(was)}: removed ({'; '.join(asks(was))}){_mark(was.governs)}"
    for index, (match, now) in enumerate(after.items()):
        known = before.get(match)
        if known is None:
            # It decides for names that a later, older rule decided for until now.
            takes = any(rule.match in before and any(a.overlaps(b) for a in now.globs for b in rule.globs) for rule in new.rules[index + 1 :])
            yield f"rule {_match(now)}: added ({'; '.join(asks(now))}){_mark(takes)}"
        elif asks(known) != asks(now):
            yield f"rule {_match(now)}: {'; '.join(asks(known))} -> {'; '.join(asks(now))}{_mark(_asks_less(known, now))}"
    kept_before, kept_after = [m for m in before if m in after], [m for m in after if m in before]
    if kept_before != kept_after:
        yield f"rules: in another order, and the first that fits decides{WEAKER}"


def _asks_less(old: Rule, new: Rule) -> bool:
    """True unless the new rule asks at least what the old one asked, in every respect."""
    if old.mode != new.mode and (old.mode is None or new.mode is None or _laxer_mode(old.mode, new.mode)):
        return True
    if (old.kind is not None and old.kind != new.kind) or not set(old.require) <= set(new.require):
        return True
    if old.formats is not None and (new.formats is None or not _formats_at_least(old.formats, new.formats)):
        return True
    if old.review is not None and (new.review is None or _reviews_less(old.review, new.review)):
        return True
    if old.reproduced is not None and (new.reproduced is None or _reproduces_less(old.reproduced, new.reproduced)):
        return True
    if old.scan is not None and (new.scan is None or _scans_less(old.scan, new.scan)):
        return True
    if _trips_less(old.dataset, new.dataset) or (old.dataset.profile == "rows" and new.dataset.profile in ("none", "summary")):
        return True
    if old.save is not None and new.save is None:
        return True
    was, now = old.signed, new.signed
    if was is None:
        return False
    if now is None or not set(now.by) <= set(was.by) or now.threshold < was.threshold:
        return True
    if was.max_age is not None and (now.max_age is None or now.max_age > was.max_age):
        return True
    return (
        (was.not_author and not now.not_author) or (now.unbound and not was.unbound) or (bool(was.channel) and not set(now.channel or "?") <= set(was.channel))
    )


def _reviews_less(old: Review, new: Review) -> bool:
    narrower = set(new.by) <= set(old.by) and new.threshold >= old.threshold and new.not_author >= old.not_author
    return not narrower or (bool(old.channel) and not set(new.channel or "?") <= set(old.channel))


def _scans_less(old: ScanRule, new: ScanRule) -> bool:
    older = old.max_age is not None and (new.max_age is None or new.max_age > old.max_age)
    return older or not set(new.by) <= set(old.by)


def _reproduces_less(old: Reproduced, new: Reproduced) -> bool:
    narrower = set(new.by) <= set(old.by) and new.not_author >= old.not_author
    older = old.max_age is not None and (new.max_age is None or new.max_age > old.max_age)
    looser = new.tolerance is not None and (old.tolerance is None or new.tolerance > old.tolerance)
    return not narrower or older or looser or (old.tier == "supervised" and new.tier != "supervised")


def _decisions(old: PolicyLayer | None, new: PolicyLayer) -> Iterator[str]:
    """Who may revoke and make exceptions, and the stages. Fewer who may revoke is less protection, more who may make an exception too."""
    was, now = (Revoke() if old is None else old.revoke), new.revoke
    if was.by != now.by:
        fewer = now.by is not None and (was.by is None or not set(was.by) <= set(now.by))
        yield f"revoke: by {' or '.join(now.by) if now.by is not None else 'whoever may sign'}{_mark(old is not None and fewer)}"
    if was.spread != now.spread:
        only_warned = now.spread == "warn"
        what_then = "only warned of" if only_warned else "blocked"
        yield f"revoke: what was made from what is revoked is {what_then}{_mark(old is not None and only_warned)}"
    before = Override() if old is None else old.override
    if before != new.override:
        more = not set(new.override.by) <= set(before.by) or (bool(new.override.by) and new.override.max > before.max)
        yield f"override: by {' or '.join(new.override.by) or 'nobody'}, for at most {duration(new.override.max)}{_mark(old is not None and more)}"
    stages: Mapping[str, Stage] = {} if old is None else old.stages
    for name in dict.fromkeys((*stages, *new.stages)):
        stage = new.stages.get(name)
        if stage is None:
            yield f"stage {name}: removed"
        elif stage != stages.get(name):
            yield f"stage {name}: into {stage.into}, by {' or '.join(stage.by)}{_mark(old is not None)}"


def _formats_at_least(old: Formats, new: Formats) -> bool:
    if old.allow is not None:
        return new.allow is not None and new.allow <= old.allow
    return not old.deny & new.allow if new.allow is not None else old.deny <= new.deny


def _supervise(old: Supervise, new: Supervise) -> Iterator[str]:
    for key in Supervise.__struct_fields__:
        was, now = getattr(old, key), getattr(new, key)
        if isinstance(now, tuple):
            yield from _members(f"supervise {key}", was, now)
        elif was != now:
            yield f"supervise {key}: {was} -> {now}{_mark(now in ('allow', 'writable', 'auto'))}"


def _match(rule: Rule) -> str:
    return ", ".join(rule.match)


def _laxer_mode(old: Mode, new: Mode) -> bool:
    return _MODES.index(new) < _MODES.index(old)


def _mark(weaker: bool) -> str:
    return WEAKER if weaker else ""
