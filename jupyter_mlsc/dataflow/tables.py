"""What well-known calls do to what they are given: the difference between 'may be changed by anything' and an edge that is exact.

Rules kept: a call that is in no table changes and mixes all that it can reach, and may read and write any file of its cell; a library is listed
only if its functions keep nothing between calls but where `STATE` says so. A wrong line there is an edge too few: docs/lineage.md says how to judge one.
"""

from __future__ import annotations

from jupyter_mlsc.dataflow import listed
from jupyter_mlsc.dataflow.listed import Effect

UNKNOWN = "?"
"""The library of what nothing is known of."""


def _by_name(lists: dict[Effect, str]) -> dict[str, Effect]:
    return {name: effect for effect, names in lists.items() for name in names.split()}


BUILTINS = _by_name(listed.BUILTINS)
FUNCTIONS = _by_name(listed.FUNCTIONS)
METHODS = _by_name(listed.METHODS)
STATE = {name: key for key, names in listed.STATE.items() for name in names.split()}
LIBRARIES = frozenset(listed.LIBRARIES.split())
UNKNOWABLE = frozenset(listed.UNKNOWABLE.split())
VALUES = frozenset(listed.VALUES.split())
PATH_FIRST = frozenset(listed.PATH_FIRST.split())
PATH_KEYWORDS = frozenset(listed.PATH_KEYWORDS.split())
PATH_BUILDERS = frozenset(listed.PATH_BUILDERS.split())
SHOWN_LIBRARIES = frozenset(("matplotlib", "seaborn"))
"""Libraries whose objects keep what they are told only to draw it."""
READ_PREFIXES = ("read_", "scan_", "from_file", "open_", "load_", "imread", "from_pretrained")
"""Functions of a library that begin so read."""
UFUNCS = {name: count for count, names in listed.UFUNCS.items() for name in names.split()}
CALLERS = frozenset(listed.CALLERS.split())
IN_PLACE = frozenset(("out", "inplace", "evals_result", "callbacks", "dst"))
"""Keywords that say that an argument, or the receiver, is changed."""


def function_effect(symbol: str) -> tuple[Effect, str]:
    """What a function of a library does, and the key of the state that it changes."""
    top, _, rest = symbol.partition(".")
    last = rest.rpartition(".")[2]
    if top == "builtins":
        return BUILTINS.get(rest, "holds"), ""
    found = FUNCTIONS.get(symbol)
    if found is not None:
        return found, "?" if found == "world" else ""
    if top not in LIBRARIES:
        return "world", "?"
    prefix = symbol
    while prefix:
        if prefix in STATE:
            return ("world" if STATE[prefix] == "?" else "state"), STATE[prefix]
        prefix = prefix.rpartition(".")[0]
    if (top == "numpy" and last == "at") or symbol.startswith("torch.nn.init."):
        return "scribble", ""  # a ufunc's own method; initialisers fill what they are given
    if top == "sklearn" and ".metrics" in symbol:
        return "fresh", ""
    if symbol.startswith("sklearn.datasets.") and last.startswith(("load_", "fetch_", "make_")):
        return "fresh", ""  # data that come with the library or from elsewhere: no file of the project
    if last.startswith(READ_PREFIXES) or last.startswith("from_pretrained"):
        return "read", ""
    if last.startswith(("save", "dump", "write", "export")) and last != "dumps":
        return "write", ""
    return "holds", ""


def method_effect(name: str, libraries: set[str], *, in_place: bool) -> Effect:
    """What a method of an object does that these libraries made."""
    if UNKNOWN in libraries:
        return "world"
    found = METHODS.get(name)
    if libraries and libraries <= SHOWN_LIBRARIES:
        return "write" if found == "write" else "train"
    if in_place:
        return "fit"
    if found is not None:
        return found
    if name.startswith(READ_PREFIXES):
        return "read"
    return "view" if libraries and libraries <= VALUES else "fit"
