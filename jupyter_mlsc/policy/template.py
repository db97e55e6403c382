"""The policy that `mlsc init` writes: one person who vouches for data and models, whose runs may build models from verified inputs."""

from __future__ import annotations

import re
import unicodedata

from jupyter_mlsc.verdict import Mode

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")

_TEMPLATE = """\
# mlsc.toml: who may vouch for what in this project, and what happens to what nobody vouches for.
# docs/policy.md explains every key by example. After a change: mlsc policy check, then mlsc policy trust.
version = 1
mode = "{mode}"{mode_note}

[project]
id = "{project_id}"    # random; statements are bound to it, so keep it

[identities]    # a name for each key that may be trusted; mlsc keys list shows yours
{person} = {{ key = "{person_key}" }}
# Notebooks and scripts: they say what they made, and vouch for nothing. The first key is for guarded runs, the second for supervised ones.
{runs} = {{ key = ["{run_key}", "{supervised_key}"], runs-of = "{name}" }}

[roles]
data-steward = ["{name}"]    # stands for data sets
ml-lead      = ["{name}"]    # stands for models
policy-admin = ["{name}"]    # signs changes of this file, so that others need not accept each one by hand
builder      = ["{name}-runs"]

# The first rule that fits a name decides: put the narrow ones first.

[[rule]]    # made from data: good if a steward says so, or a run that read only verified inputs
match   = "data/derived/**"
kind    = "dataset"
signed  = {{ by = ["data-steward", "builder"] }}
require = ["verified-inputs"]

[[rule]]    # data from elsewhere: a steward must have signed exactly these bytes
match  = "data/**"
kind   = "dataset"
signed = {{ by = "data-steward" }}

[[rule]]    # models: a lead says so, or a run that read only verified inputs
match   = "models/**"
kind    = "model"
signed  = {{ by = ["ml-lead", "builder"] }}
require = ["verified-inputs"]

# A second person for what goes to production; put it before the rule for models/**:
# [[rule]]
# match   = "models/production/**"
# kind    = "model"
# signed  = {{ by = "ml-lead", threshold = 2, not-author = true }}
# formats = {{ deny = ["pickle"] }}

# Your own classes that models may bring with them, by exact name:
# [unpickle]
# allow = ["mypackage.models.Net"]
"""
_MODE_NOTE = "    # observe: only record; warn: say so; enforce: block"


def initial_policy(project_id: str, mode: Mode | str, identity_name: str, person_key_base64: str, run_key_base64: str, supervised_key_base64: str) -> str:
    """The text of a first policy. Keys are base64 of the DER SubjectPublicKeyInfo; the name may be any user name of any system.

    Raises ValueError for an unknown mode.
    """
    name = identity_name_from(identity_name)
    return _TEMPLATE.format(
        mode=Mode(mode).value,
        mode_note=_MODE_NOTE,
        project_id=project_id,
        name=name,
        person=_key(name),
        runs=_key(f"{name}-runs"),
        person_key=person_key_base64,
        run_key=run_key_base64,
        supervised_key=supervised_key_base64,
    )


def identity_name_from(user_name: str) -> str:
    """A name for an identity that needs no quoting in a shell or a table: ``ACME\\\\Jo Ann`` becomes ``Jo-Ann``, nothing becomes ``me``."""
    account = unicodedata.normalize("NFC", user_name).rpartition("\\")[2]
    safe = "".join(c if c.isalnum() or c in "._@-" else "-" for c in account)
    return re.sub(r"-{2,}", "-", safe)[:64].strip("-.") or "me"


def _key(name: str) -> str:
    return name if _BARE_KEY.match(name) else f'"{name}"'
