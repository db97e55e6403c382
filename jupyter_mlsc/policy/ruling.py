"""Which rules rule: the layers of a policy, and what they say of a name alone. What they say of an artifact is decided in `decide`, imported when it is asked.

Who starts something in a project, or only asks whether a name is governed, needs nothing of what judges statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlsc.artifacts import Kind
from jupyter_mlsc.policy.globs import Place
from jupyter_mlsc.policy.rules import POLICY_ADMIN, PolicyLayer, Rule, Supervise
from jupyter_mlsc.verdict import Mode, Verdict

if TYPE_CHECKING:
    from jupyter_mlsc.policy.decide import Judgement
    from jupyter_mlsc.policy.evidence import Evidence
    from jupyter_mlsc.policy.installing import InstallRequest

_MODES = (Mode.OBSERVE, Mode.WARN, Mode.ENFORCE)


class Policy(msgspec.Struct, frozen=True):
    """The layers that rule, the admin's first. ``root`` is the project's absolute folder: with it, ``/srv/data/**`` fits its files too."""

    layers: tuple[PolicyLayer, ...]
    root: str | None = None

    @classmethod
    def untrusted(cls, file: PolicyLayer, admin: Iterable[PolicyLayer] = (), *, root: str | None = None) -> Policy:
        """The policy where the project's file was not accepted: it says what is governed, and nobody in it is trusted."""
        return cls((*admin, msgspec.structs.replace(file, accepted=False)), root)

    @property
    def mode(self) -> Mode:
        """The strictest mode of the layers; ``warn`` where there is none."""
        return strictest_mode(_floor(layer, layer.mode) for layer in self.layers) if self.layers else Mode.WARN

    @property
    def supervise(self) -> Supervise:
        """What a supervised command may do besides, by the accepted layers that say anything of it: the strictest of each."""
        default = Supervise()
        said = [layer.supervise for layer in self.layers if layer.accepted and layer.supervise != default]
        if not said:
            return default

        def common(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
            first, *others = lists
            return tuple(name for name in first if all(name in other for other in others))

        return Supervise(
            network="deny" if any(s.network == "deny" for s in said) else "allow",
            environment="writable" if all(s.environment == "writable" for s in said) else "read-only",
            write=common(s.write for s in said),
            exec=common(s.exec for s in said),
            sockets=common(s.sockets for s in said),
            pin="copy" if any(s.pin == "copy" for s in said) else "auto",
        )

    @property
    def unpickle_allow(self) -> frozenset[str]:
        """Names that may be unpickled beside the built-in list. Where the admin has such a list, the project's is not read."""
        for name in ("admin", "project"):
            lists = [layer.unpickle_allow for layer in self.layers if layer.name == name and layer.accepted and layer.unpickle_allow is not None]
            if lists:
                return frozenset.intersection(*lists)
        return frozenset()

    @property
    def install_indexes(self) -> frozenset[str]:
        """Addresses that packages may come from: those that every accepted layer names which names any."""
        lists = [frozenset(layer.install.indexes) for layer in self.layers if layer.accepted and layer.install and layer.install.indexes is not None]
        return frozenset.intersection(*lists) if lists else frozenset()

    @property
    def environment_advisories(self) -> str | None:
        """Where advisories come from: the admin's word goes before the project's."""
        return next((layer.environment.advisories for layer in self.layers if layer.accepted and layer.environment.advisories), None)

    @property
    def denied_licences(self) -> tuple[str, ...]:
        """Licences that any accepted layer does not want."""
        return tuple(dict.fromkeys(name for layer in self.layers if layer.accepted for name in layer.environment.deny_licences))

    def judge_install(self, request: InstallRequest) -> tuple[Mode, list[str]]:
        """What the accepted layers' ``[install]`` have against a request, and the strictest mode of those that have something."""
        from jupyter_mlsc.policy.installing import refusals

        found = [(layer.mode, sentence) for layer in self.layers if layer.accepted and layer.install for sentence in refusals(layer.install, request)]
        return strictest_mode(mode for mode, _ in found) if found else Mode.OBSERVE, list(dict.fromkeys(sentence for _, sentence in found))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Literal leading folders of all patterns that govern: a name outside all of them is ungoverned. ``""`` is the whole project."""
        return tuple(dict.fromkeys(glob.prefix for layer in self.layers for rule in layer.rules if rule.governs for glob in rule.globs))

    def identities_by_key(self) -> Mapping[str, bytes]:
        """DER public keys by key id, of all identities of the accepted layers: whose signatures are worth checking."""
        return {key.id: key.der for layer in self.layers if layer.accepted for i in layer.identities.values() for key in i.keys}

    def identity_name(self, key_id: str) -> str | None:
        """The name of a key's identity in the first accepted layer that has it, or None."""
        return next((layer.owners[key_id].name for layer in self.layers if layer.accepted and key_id in layer.owners), None)

    def tier_shown(self, said: str | None, key_ids: Iterable[str]) -> str | None:
        """The tier that a run's statement may claim with these keys.

        A run identity's last key is for supervised runs, the others for guarded ones, whose own process can read them.
        """
        if said != "supervised":
            return said
        owners = (layer.owners.get(key) for layer in self.layers if layer.accepted for key in key_ids)
        supervised = {identity.keys[-1].id for identity in owners if identity is not None and identity.is_run and len(identity.keys) > 1}
        return said if any(key in supervised for key in key_ids) else "guarded"

    def is_admin(self, key_id: str) -> bool:
        """True when the key is a person's who may sign changes of the project's policy."""
        return any(layer.name == "project" and layer.accepted and is_policy_admin(layer, key_id) for layer in self.layers)

    def rule_for(self, name: str, layer: PolicyLayer) -> Rule | None:
        """The rule of a layer that decides a name, also where it asks for nothing."""
        return layer.rule_for(Place(name, self.root))

    def governs(self, name: str) -> bool:
        """True when a rule asks something of this name. Of a folder, ask `governs_below` too."""
        place = Place(name, self.root)
        return any(rule is not None and rule.governs for rule in (layer.rule_for(place) for layer in self.layers))

    def requires_scan(self, name: str) -> bool:
        """True when a rule of any layer that decides this name, or of a file below it, asks for a scan."""
        return any(
            rule.scan is not None and (rule.fits(Place(name, self.root)) or any(glob.may_fit_below(Place(name, self.root)) for glob in rule.globs))
            for layer in self.layers
            for rule in layer.rules
        )

    def governs_below(self, folder: str) -> bool:
        """False only when nothing below this folder can be governed."""
        place = Place(folder, self.root)
        return any(rule.governs and any(glob.may_fit_below(place) for glob in rule.globs) for layer in self.layers for rule in layer.rules)

    def kind_for(self, name: str) -> Kind | None:
        """The kind that the rules ask of this name, the admin's first."""
        place = Place(name, self.root)
        return next((rule.kind for rule in (layer.rule_for(place) for layer in self.layers) if rule is not None and rule.kind is not None), None)

    def mode_of_saving(self, name: str) -> Mode | None:
        """What the strictest layer makes of a notebook that does not pass its rule's scan when it is saved; None where no rule asks for one."""
        asked = [mode_of(layer, rule) for layer in self.layers if (rule := self.rule_for(name, layer)) is not None and rule.save is not None]
        return strictest_mode(asked) if asked else None

    def accepted_findings(self, evidence: Evidence, now: datetime) -> frozenset[str]:
        """Codes of findings of a scan that persons of every layer which has persons accepted for these bytes."""
        from jupyter_mlsc.policy import decide

        return decide.accepted_findings(self, evidence, now)

    def needs_sha256(self, evidence: Evidence) -> bool:
        """True when a claim that matters carries no digest that was computed: measure in full, or it counts as one for other bytes."""
        from jupyter_mlsc.policy import decide

        return decide.needs_sha256(self, evidence)

    def decide(self, evidence: Evidence, now: datetime) -> Verdict:
        """Judge an artifact. Raises ValueError when ``now`` has no time zone."""
        from jupyter_mlsc.policy import decide

        return decide.decide(self, evidence, now)

    def judge(self, layer: PolicyLayer, evidence: Evidence, now: datetime) -> list[Judgement]:
        """One layer's answer: a judgement for each of its rules that govern the artifact, the rule of its own name first."""
        from jupyter_mlsc.policy import decide

        return decide.judge(self, layer, evidence, now)

    def verdict(self, evidence: Evidence, judgements: list[Judgement]) -> Verdict:
        """Put the judgements of all layers together: the strictest decision, every reason once."""
        from jupyter_mlsc.policy import decide

        return decide.verdict(self, evidence, judgements)


def is_policy_admin(layer: PolicyLayer, key_id: str) -> bool:
    """True when the key is a person's who holds the role `policy-admin` of this layer."""
    identity = layer.owners.get(key_id)
    return identity is not None and not identity.is_run and identity.name in layer.holders((POLICY_ADMIN,))


def mode_of(layer: PolicyLayer, rule: Rule | None) -> Mode:
    """The mode in which a layer decides under a rule, or without one."""
    chosen = layer.mode if rule is None or rule.mode is None else rule.mode
    return chosen if layer.accepted else strictest_mode((_floor(layer, layer.mode), chosen))


def _floor(layer: PolicyLayer, mode: Mode) -> Mode:
    return mode if layer.accepted else strictest_mode((Mode.WARN, mode))


def strictest_mode(modes: Iterable[Mode]) -> Mode:
    """The strictest of some modes. Raises ValueError where there is none."""
    return max(modes, key=_MODES.index)
