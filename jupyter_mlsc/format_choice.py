"""Which format an artifact is loaded or saved with, and what a policy may know of it: its families, and a name that contradicts its bytes."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_mlsc import formats
from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.formats import Format, Identified
from jupyter_mlsc.formats.nested import is_container
from jupyter_mlsc.formats.recognition import is_zip
from jupyter_mlsc.transfer import OpenedFile
from jupyter_mlsc.verdict import Reason, reason


def identify_path(name: str, path: Path) -> Identified:
    """What a file or folder is; archives and the like are looked into by a process without keys. Raises ArtifactError when it cannot be read, MlscError."""
    if path.is_dir():
        return formats.identify(name, path)
    with OpenedFile(path) as opened:
        return identify_opened(name, opened.descriptor)


def identify_opened(name: str, descriptor: int) -> Identified:
    """What an open file is, as `identify_path` tells it. The descriptor's offset is put to its beginning."""
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        if not is_container(stream):
            return formats.identify(name, stream)
    from jupyter_mlsc.scan.recognising import recognised  # most files are no containers

    found = recognised(name, descriptor)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return found


def identify_to_load(name: str, opened: OpenedFile) -> Identified:
    """What a file is that is loaded next, once it is judged. As `identify_opened`, but the directory of a zip archive is read by this process.

    That is code in Python, which a hostile file can keep busy and not take over; to ask for it would cost the load of a checkpoint a tenth of its time.
    """
    with opened.stream() as stream:
        if is_zip(opened.head(4)):
            return formats.identify(name, stream)
    return identify_opened(name, opened.descriptor)


def identify_here(name: str, path: Path) -> Identified:
    """What a file or folder is, told in this process, whose notebook has parsed it itself or will. Raises ArtifactError."""
    if path.is_dir():
        return formats.identify(name, path)
    with OpenedFile(path) as opened, opened.stream() as stream:
        return formats.identify(name, stream)


def families_of(identified: Identified) -> frozenset[str]:
    """All families that the name or the bytes claim, and of what lies within: a file that is two formats at once is read as the worse one by somebody."""
    return identified.within.union(*(each.families for each in (identified.format, identified.named, identified.found) if each is not None))


def mismatch_faults(identified: Identified, name: str) -> tuple[Reason, ...]:
    """A reason where name and bytes contradict each other."""
    if not identified.mismatch or identified.named is None:
        return ()
    found = identified.found.name if identified.found is not None else "no such thing"
    return (reason("format-mismatch", name=name, named=identified.named.name, found=found),)


def format_to_load(identified: Identified, name: str, asked: str | None) -> Format:
    """The format to load with. Raises UsageError where no format is known or named."""
    if asked is not None:
        return by_name(asked)
    if identified.format is not None:
        return identified.format
    raise UsageError(f"the format of {name} is not known", next_step=f"name it with --as ({_LISTED}), or give the file a suffix that says it")


def by_name(asked: str) -> Format:
    """A format by its name. Raises UsageError with the nearest one."""
    found = _NAMES.get(asked)
    if found is not None:
        return found
    import difflib

    near = difflib.get_close_matches(asked, _NAMES, 1)
    hint = f"did you mean {near[0]}?" if near else f"one of: {_LISTED}"
    raise UsageError(f"there is no format called {asked!r}", next_step=hint)


_NAMES = {each.name: each for each in formats.FORMATS}
_LISTED = ", ".join(name for name in _NAMES if "-" not in name) + "; compressed: csv-gzip and the like"
