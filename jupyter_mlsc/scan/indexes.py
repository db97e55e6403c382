"""Where packages would come from: an index is foreign unless policy names it; which ones the world trusts is nobody's to know here.

Rules kept: an address is compared whole, as the gate of installs does, and never repeated with the name and password that may stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_OPTION = re.compile(r"^\s*(?:-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host)[\s=]+(\S+)")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


def index_in(line: str) -> str | None:
    """The index that a line of a requirements file names, without credentials; None for any other line."""
    found = _OPTION.match(line)
    return None if found is None else without_credentials(found[1])


def without_credentials(address: str) -> str:
    """An address without the name and password that may stand in it."""
    return _CREDENTIALS.sub("", address)


def is_named(address: str, indexes: Collection[str]) -> bool:
    """Whether policy names an index, which it has without a slash at the end."""
    return address.rstrip("/") in indexes
