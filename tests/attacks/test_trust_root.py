"""The policy is the trust root: one that nobody accepted, an edited one, another project's, one that the environment names, trusts nobody."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject, seal
from jupyter_mlsc.errors import BlockedArtifactError, PolicyError, UsageError
from jupyter_mlsc.keys import Signer
from tests.attacks.forgery import accept, assert_fine, changed_byte, codes, now, plant, python, run_key, stranger, vouch, vouching_key, without_own_records
from tests.conftest import Person

Make = Callable[..., Person]


@pytest.fixture
def clone(person: Make, tmp_path: Path) -> Person:
    """Mallory's project, whose policy names Mallory, as Ada cloned it: she never accepted it."""
    mallory: Person = person("mallory", root=tmp_path / "clone")
    mallory.init()
    mallory.write("data/train.csv")
    mallory.sign("data/train.csv")
    assert_fine(mallory, "data/train.csv")
    without_own_records(mallory)
    ada: Person = person("ada")
    return Person("ada", ada.home, mallory.root)


def test_a_cloned_project_whose_policy_names_its_author_is_refused(clone: Person) -> None:
    done = clone.mlsc("verify", "data/train.csv")
    assert done.returncode == 2
    assert "policy-untrusted" in done.stderr
    assert codes(clone.verify("data/train.csv")) == ["policy-untrusted"]
    with pytest.raises(BlockedArtifactError):
        clone.load("data/train.csv")


def test_a_clone_that_only_observes_is_warned_of_all_the_same(clone: Person) -> None:
    policy = clone.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('mode = "enforce"', 'mode = "observe"'))
    verdict = clone.verify("data/train.csv")
    assert (verdict.decision, codes(verdict), verdict.verified, verdict.person_signed) == ("warn", ["policy-untrusted"], False, False)


def test_a_clone_cannot_allow_what_is_unpickled(clone: Person, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    policy = clone.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('mode = "enforce"', 'mode = "observe"') + '\n[unpickle]\nallow = ["os.system", "posix.system"]\n')
    clone.write("models/m.pkl", b"cposix\nsystem\n(S'touch %s'\ntR." % os.fsencode(marker))
    done = python(clone, "import jupyter_mlsc as mlsc; mlsc.load('models/m.pkl')")
    assert done.returncode != 0
    assert "posix.system" in done.stderr
    assert not marker.exists()


def test_naming_or_accepting_the_policy_gives_the_authors_verdict(clone: Person) -> None:
    assert clone.mlsc("verify", "--policy", "mlsc.toml", "data/train.csv").returncode == 0
    shown = clone.mlsc("policy", "trust")
    assert shown.returncode == 2
    assert "mallory" in shown.stdout
    assert clone.mlsc("verify", "data/train.csv").returncode == 2
    assert clone.mlsc("policy", "trust", "--yes").returncode == 0
    assert clone.mlsc("verify", "data/train.csv").returncode == 0


def _name_mallory(person: Person, mallory: Signer) -> None:
    policy = person.root / "mlsc.toml"
    text = policy.read_text().replace("[roles]", f'mallory = {{ key = "{mallory.public.base64_der}" }}\n\n[roles]')
    policy.write_text(text.replace('data-steward = ["ada"]', 'data-steward = ["ada", "mallory"]').replace("policy-admin", "# policy-admin", 1))


def test_a_policy_edited_after_it_was_accepted_does_not_count(signed_dataset: Person) -> None:
    mallory = stranger()
    _name_mallory(signed_dataset, mallory)
    signed_dataset.write("data/poisoned.csv", "x\n1\n")
    plant(signed_dataset, vouch(signed_dataset, "data/poisoned.csv", mallory))
    assert codes(signed_dataset.verify("data/poisoned.csv")) == ["untrusted-signer"]
    assert signed_dataset.mlsc("verify", "data/poisoned.csv").returncode == 1
    assert_fine(signed_dataset, "data/train.csv")
    assert [n.code for n in signed_dataset.project.notes] == ["policy-changed"]


@pytest.mark.parametrize("command", [("verify", "data/train.csv"), ("status",), ("sign", "data/train.csv"), ("policy", "explain", "data/train.csv")])
def test_every_face_says_that_the_policys_file_differs(signed_dataset: Person, command: tuple[str, ...]) -> None:
    changed_byte(signed_dataset.root / "mlsc.toml", 5)
    done = signed_dataset.mlsc(*command)
    assert "mlsc policy trust" in done.stdout + done.stderr


@pytest.mark.parametrize("edit", [lambda t: t.replace('"enforce"', '"observe"'), lambda t: t.split("[[rule]]")[0], lambda t: t.replace("data/**", "date/**")])
def test_a_policy_that_was_weakened_does_not_count(signed_dataset: Person, edit: Callable[[str], str]) -> None:
    policy = signed_dataset.root / "mlsc.toml"
    policy.write_text(edit(policy.read_text()))
    changed_byte(signed_dataset.root / "data/train.csv")
    verdict = signed_dataset.verify("data/train.csv")
    assert (verdict.decision, codes(verdict)) == ("block", ["digest-mismatch"])


def test_a_policy_that_no_longer_parses_or_is_gone_stops_everything(signed_dataset: Person) -> None:
    policy = signed_dataset.root / "mlsc.toml"
    text = policy.read_text()
    policy.write_text(text + "\nmode = [")
    with pytest.raises(PolicyError):
        signed_dataset.load("data/train.csv")
    assert signed_dataset.mlsc("verify").returncode == 2
    policy.unlink()
    with pytest.raises(UsageError):
        signed_dataset.load("data/train.csv")
    assert signed_dataset.mlsc("verify").returncode == 2
    policy.write_text(text)
    assert_fine(signed_dataset, "data/train.csv")


def test_the_policy_of_another_project_that_was_accepted_is_refused_here(signed_dataset: Person, person: Make, tmp_path: Path) -> None:
    """Ada works in a project of Mallory's too, and accepted its policy, for that project. Mallory puts it into Ada's."""
    mallory: Person = person("mallory", root=tmp_path / "theirs")
    mallory.init()
    theirs = Person("ada", signed_dataset.home, mallory.root)
    mallory.write("data/train.csv", "x,y\n6,6\n")
    mallory.sign("data/train.csv")
    without_own_records(mallory)
    accept(theirs)
    assert_fine(theirs, "data/train.csv")
    own = (signed_dataset.root / "mlsc.toml").read_bytes()
    for name in ("mlsc.toml", "data/train.csv"):
        shutil.copy(mallory.root / name, signed_dataset.root / name)
    for file in (mallory.root / ".mlsc/claims").iterdir():
        shutil.copy(file, signed_dataset.root / ".mlsc/claims" / file.name)
    verdict = signed_dataset.verify("data/train.csv")
    assert not verdict.allowed
    assert not verdict.verified
    with pytest.raises(BlockedArtifactError):
        signed_dataset.load("data/train.csv")
    (signed_dataset.root / "mlsc.toml").write_bytes(own)
    assert_fine(theirs, "data/train.csv")


def _state(person: Person) -> str:
    return person.project.trust.state


def _policy_change(person: Person, *signers: Signer, predecessor: str | None = None, counter: int = 2, project: str | None = None) -> None:
    """Plant a signed change which leads to the policy's file as it is now."""
    digest = Digest.parse(person.project.trust.file.digest)
    trust = person.project.trust
    body = predicates.PolicyBody(project or person.project.project_id, predecessor or trust.layer.digest, counter, now())
    plant(person, seal(Statement((Subject("mlsc.toml", digest.in_toto()),), predicates.POLICY, predicates.to_predicate(body)), signers))


def test_a_change_of_the_policy_counts_only_when_an_admin_of_the_accepted_one_signed_it(signed_dataset: Person) -> None:
    mallory = stranger()
    _name_mallory(signed_dataset, mallory)
    policy = signed_dataset.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace("# policy-admin", "policy-admin").replace('policy-admin = ["ada"]', 'policy-admin = ["ada", "mallory"]'))
    ada = vouching_key(signed_dataset)
    _policy_change(signed_dataset, mallory)  # an admin of the new version only
    _policy_change(signed_dataset, run_key(signed_dataset))
    _policy_change(signed_dataset, ada, predecessor="sha256:" + "0" * 64)
    _policy_change(signed_dataset, ada, counter=1)
    _policy_change(signed_dataset, ada, project="another-project")
    assert _state(signed_dataset) == "changed"
    _policy_change(signed_dataset, ada)
    assert _state(signed_dataset) == "accepted"


def test_who_is_no_policy_admin_signs_no_change(signed_dataset: Person) -> None:
    accept(signed_dataset, change=lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith("policy-admin")))
    policy = signed_dataset.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('mode = "enforce"', 'mode = "observe"'))
    before = signed_dataset.mlsc("log", "show", "--json").stdout
    done = signed_dataset.mlsc("sign", "mlsc.toml")
    assert done.returncode == 2
    assert "ada is no policy-admin in the accepted policy" in done.stderr
    assert signed_dataset.mlsc("log", "show", "--json").stdout == before
    assert _state(signed_dataset) == "changed"


def test_the_policy_cannot_be_rolled_back(signed_dataset: Person) -> None:
    policy = signed_dataset.root / "mlsc.toml"
    first = policy.read_text()
    policy.write_text(first + "\n# second\n")
    signed_dataset.sign("mlsc.toml")
    assert _state(signed_dataset) == "accepted"
    policy.write_text(first)
    assert _state(signed_dataset) == "changed"
    assert "second" in signed_dataset.project.trust.layer.text


@pytest.mark.parametrize("variable", ["MLSC_HOME", "MLSC_POLICY"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_variable_that_points_into_the_project_is_refused(signed_dataset: Person, tmp_path: Path, variable: str, linked: bool) -> None:
    inside = signed_dataset.root / ("state" if variable == "MLSC_HOME" else "admin.toml")
    if variable == "MLSC_POLICY":
        shutil.copy(signed_dataset.root / "mlsc.toml", inside)
    else:
        shutil.copytree(signed_dataset.home / "mlsc", inside)
    if linked:
        (tmp_path / "link").symlink_to(inside)
        inside = tmp_path / "link"
    done = signed_dataset.mlsc("verify", environ={**signed_dataset.environ, variable: str(inside)})
    assert done.returncode == 2
    assert variable in done.stderr


def test_a_projects_dotenv_and_start_up_files_are_not_read(signed_dataset: Person) -> None:
    """An attacker's home, policy and passphrase, offered in every file that some tool would read."""
    lines = f"MLSC_HOME={signed_dataset.root}/state\nMLSC_POLICY={signed_dataset.root}/evil.toml\nMLSC_KEY_PASSPHRASE=known\n"
    for name in (".env", ".envrc", ".flaskenv", "mlsc.env"):
        signed_dataset.write(name, lines)
    signed_dataset.write("evil.toml", "version = 1\nmode = 'observe'\n")
    changed_byte(signed_dataset.root / "data/train.csv")
    done = signed_dataset.mlsc("--json", "verify", "data/train.csv")
    assert done.returncode == 1
    assert json.loads(done.stdout)["mode"] == "enforce"


def test_an_admins_layer_is_not_weakened_by_the_project(signed_dataset: Person, tmp_path: Path) -> None:
    """A project's `ada` never fills an admin's role, and what the admin asks is asked whatever the project says."""
    mallory = stranger()
    accept(signed_dataset, change=lambda t: t.replace(vouching_key(signed_dataset).public.base64_der, mallory.public.base64_der))
    admin = tmp_path / "admin.toml"
    admin.write_text(
        'version = 1\nmode = "enforce"\n'
        f'[identities]\nada = {{ key = "{vouching_key(signed_dataset).public.base64_der}" }}\n'
        '[roles]\ndata-steward = ["ada"]\n[[rule]]\nmatch = "data/**"\nkind = "dataset"\nsigned = { by = "data-steward" }\n'
    )
    under = Person("ada", signed_dataset.home, signed_dataset.root, {"MLSC_POLICY": str(admin)})
    under.write("data/new.csv", "x\n1\n")
    plant(under, vouch(under, "data/new.csv", mallory))
    assert codes(signed_dataset.verify("data/new.csv")) == []
    assert codes(under.verify("data/new.csv")) == ["untrusted-signer"]
    assert not under.verify("data/new.csv").allowed


def test_a_folder_in_which_another_project_is_meant_is_accepted_by_hand(signed_dataset: Person, person: Make, tmp_path: Path) -> None:
    mallory: Person = person("mallory", root=tmp_path / "theirs")
    mallory.init()
    accept(Person("ada", signed_dataset.home, mallory.root))
    shutil.copy(mallory.root / "mlsc.toml", signed_dataset.root / "mlsc.toml")
    assert _state(signed_dataset) == "untrusted"
    shown = signed_dataset.mlsc("policy", "trust")
    assert shown.returncode == 2
    assert "now it says that it is" in shown.stdout
    assert signed_dataset.mlsc("policy", "trust", "--yes").returncode == 0
    assert _state(signed_dataset) == "accepted"
