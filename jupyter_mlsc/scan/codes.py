"""Every code that a scan can give, with its severity, its sentence and its remedy. Data: a new code is one row here, and one row in docs/scanning.md.

Rules kept: what runs code, or can reach out of its file, is `high` or `critical`; what only may be extended by code that is installed elsewhere (a
custom Keras object, a custom ONNX domain) is below; a file that can run code and cannot be understood is `high`.
"""

from __future__ import annotations

from jupyter_mlsc.scan.code import Code
from jupyter_mlsc.scan.codes_of_environments import ENVIRONMENT
from jupyter_mlsc.scan.codes_of_notebooks import NOTEBOOKS

_ASK = "do not load it; get the model again from whom you trust, as safetensors or ONNX, or have a person inspect and sign it"
_EDIT = "take it out of the file, if you know where the file comes from; else do not use the file"

_GENERAL = {
    "not-understood": Code("high", "it looks like {what}, which can run code, and cannot be understood: {why}", _ASK),
    "limit-reached": Code("high", "it asks for more than a scan may spend: {why}", "do not open it; if you trust it, scan it with a higher limit"),
    "scanner-failed": Code("high", "the scan of this file ended without an answer: {why}", "do not open it; if it is harmless, please report the file's kind"),
    "name-mismatch": Code("medium", "it is named like {named}, and its bytes are {found}", "give the file the suffix of what it is, or ask where it came from"),
}

_PICKLE = {
    "pickle-code": Code("critical", "loading it would call {global_name}, which can run any code", _ASK),
    "pickle-unlisted": Code(
        "high", "loading it would use {global_name}, which no list allows", "look at what it is: allow it by [unpickle] allow, or have a person sign it"
    ),
    "pickle-built-call": Code("high", "loading it would call {what}, which the file builds itself", _ASK),
    "pickle-changes": Code("high", "loading it would change {what}, which other code uses", _ASK),
    "pickle-computed": Code("high", "loading it would use something whose name the file computes only then", _ASK),
    "pickle-extension": Code("high", "it names something by the extension code {number}, which only the loading process can look up", _ASK),
}

_ARCHIVES = {
    "archive-path": Code("high", "unpacking it would write outside its folder: {name}", "do not unpack it; ask whoever made it for a sound archive"),
    "archive-link": Code("high", "it holds a link that leads out of it: {name} to {target}", "do not unpack it; ask whoever made it for a sound archive"),
    "archive-bomb": Code("high", "it would unpack to {size} from {packed}", "do not unpack it"),
    "archive-encrypted": Code("medium", "{name} is encrypted, so nobody can look into it", "ask for the password, unpack it and scan what is inside"),
    "archive-twice": Code("high", "two of its members have the name {name}: readers disagree on which one counts", "do not use it; ask for a sound archive"),
}

CODES: dict[str, Code] = {**_GENERAL, **_PICKLE, **_ARCHIVES, **NOTEBOOKS, **ENVIRONMENT}
