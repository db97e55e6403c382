"""Policies that must parse, and many more that must not: each names the line and the way out."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest
from policy_cases import DATA, IDENTITIES, encoded, key_id, layer, policy_text

from jupyter_mlsc.errors import PolicyError
from jupyter_mlsc.policy import parse_policy
from jupyter_mlsc.policy.document import LARGEST
from jupyter_mlsc.policy.lines import line_of
from jupyter_mlsc.verdict import Mode

VECTORS = Path(__file__).parent.parent / "vectors" / "policy"
BAD = sorted(VECTORS.glob("*_fail.toml"))
GOOD = sorted(set(VECTORS.glob("*.toml")) - set(BAD))


def project(text):
    return parse_policy(text, "mlsc.toml", "project")


@pytest.mark.parametrize("path", BAD, ids=[p.stem for p in BAD])
def test_it_is_refused_at_its_line(path):
    first = path.read_text().split("\n", 1)[0]
    expected = re.fullmatch(r"# (?:line (\d+)|no line): (.+)", first)
    assert expected is not None, "the vector's first line says what is expected"
    with pytest.raises(PolicyError) as caught:
        project(path.read_bytes())
    assert (caught.value.line, caught.value.file) == (int(expected[1]) if expected[1] else None, "mlsc.toml")
    assert expected[2] in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", GOOD, ids=[p.stem for p in GOOD])
def test_it_is_read(path):
    raw = path.read_bytes()
    parsed = project(raw)
    assert parsed.digest == "sha256:" + sha256(raw).hexdigest()
    assert parsed.text.encode() == raw


def test_failing_vectors_outnumber_passing_ones():
    assert len(BAD) > 3 * len(GOOD) > 0


def test_every_value_of_the_design_arrives():
    parsed = project((VECTORS / "design.toml").read_bytes())
    assert (parsed.version, parsed.mode, parsed.project_id) == (1, Mode.ENFORCE, "project-0123456789")
    assert parsed.owners[key_id("alice-runs")].person == "alice"
    data, dev, production, rest = parsed.rules
    assert data.signed is not None
    assert production.signed is not None
    assert production.formats is not None
    assert (data.match, data.kind, data.signed.by, data.signed.max_age.days) == (("data/**",), "dataset", ("data-steward",), 180)
    assert (dev.signed.by, dev.require) == (("ml-lead", "builder"), ("verified-inputs",))
    assert (production.signed.threshold, production.signed.not_author, production.formats.deny) == (2, True, {"pickle"})
    assert (rest.governs, rest.mode) == (False, Mode.OBSERVE)
    assert parsed.unpickle_allow == {"mypackage.models.Net"}
    assert (parsed.supervise.network, parsed.supervise.pin, parsed.supervise.write) == ("allow", "auto", ())


def test_what_is_left_out_has_the_safe_value():
    parsed = project((VECTORS / "smallest.toml").read_bytes())
    assert (parsed.mode, parsed.rules, parsed.unpickle_allow, parsed.supervise.environment) == (Mode.WARN, (), None, "read-only")


def test_the_algorithms_of_keys_are_told_apart():
    parsed = project((VECTORS / "every-kind-of-key.toml").read_bytes())
    assert [parsed.identities[n].keys[0].algorithm for n in ("alice", "carol", "dan", "erin")] == ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521"]


def test_the_forms_of_keys_are_those_that_the_cryptography_library_writes():
    import base64

    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from jupyter_mlsc.policy.public_keys import read_key

    def written(private):
        return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    for name, private in {
        "ecdsa-p256": ec.generate_private_key(ec.SECP256R1()),
        "ecdsa-p384": ec.generate_private_key(ec.SECP384R1()),
        "ecdsa-p521": ec.generate_private_key(ec.SECP521R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }.items():
        der = written(private)
        key = read_key(base64.b64encode(der).decode())
        assert (key.algorithm, key.der, key.id) == (name, der, sha256(der).hexdigest())
    for refused in (ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 2048)):
        with pytest.raises(ValueError, match="no public key of"):
            read_key(base64.b64encode(written(refused)).decode())


def test_an_admins_policy_names_no_project():
    assert parse_policy(policy_text(DATA, project=None), "/etc/mlsc/policy.toml", "admin").project_id is None
    with pytest.raises(PolicyError, match="names none") as caught:
        parse_policy(policy_text(DATA), "/etc/mlsc/policy.toml", "admin")
    assert (caught.value.file, caught.value.line) == ("/etc/mlsc/policy.toml", 3)


def test_a_format_that_is_not_installed_here_is_refused_where_formats_are_known():
    rule = 'match = "a"\nformats = { deny = ["pikle"] }'
    assert layer(rule).rules[0].formats is not None
    with pytest.raises(PolicyError, match='did you mean "pickle"'):
        parse_policy(policy_text(rule), "mlsc.toml", "project", families={"pickle", "csv"})


@pytest.mark.parametrize("text", [b"version = 1\n\xff", "version = 1\n\ud800"])
def test_what_is_not_utf_8_is_refused(text):
    with pytest.raises(PolicyError, match="not UTF-8"):
        project(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#" * 60 + "\n" + ("# filler\n" * (LARGEST // 9 + 1)), "larger than 1 MiB"),
        ("a = " + "[" * 4000, "nested without end|not TOML"),
        ("\n".join(["a = ["] * 4000), "nested without end|not TOML"),
        ("a." * 1500 + "b = 1", "too long to be meant"),
        ("version = 1\nx = " + '"' + "y" * 5000 + '"', "too long to be meant"),
        ("version = " + "1" * 4000, "are not read here"),
        ("version = 1\nx = 2026-02-30T00:00:00Z", "not TOML"),
        ("\ufeffversion = 1", "not shown"),
    ],
    ids=["huge", "deep", "deep over lines", "dotted", "one long line", "a long number", "no date", "byte order mark"],
)
def test_an_absurd_text_is_refused(text, says):
    with pytest.raises(PolicyError, match=says):
        project(text)


def test_the_line_of_a_key_inside_many_lines_is_found_and_the_search_is_bounded():
    text = policy_text(DATA, head="# a comment\n" * 3000 + IDENTITIES)
    assert line_of(text, ("identities", "bob")) == next(i for i, line in enumerate(text.split("\n"), 1) if line.startswith("bob "))
    assert line_of(text, ("identities", "nobody")) is None
    endless = "version = 1\na = [\n" + '  "x",\n' * 100_000 + "]\nb = 1\n"
    assert line_of(endless, ("a",)) in (2, None)


def test_two_names_for_one_persons_keys_do_not_reach_a_threshold():
    head = IDENTITIES.replace('data-steward = ["alice", "bob"]', 'data-steward = ["alice", "alice-runs"]')
    with pytest.raises(PolicyError, match="only one person can sign"):
        project(policy_text('match = "a"\nsigned = { by = "data-steward", threshold = 2 }', head=head))


def test_a_key_moved_to_another_identity_is_refused():
    head = IDENTITIES.replace(encoded("carol"), encoded("alice-2"))
    with pytest.raises(PolicyError, match='"alice" and "carol" have the same key'):
        project(policy_text(DATA, head=head))
