"""Looks at the machine before a command starts: which folders are system, free, writable, protected or hidden, and what the wall grants.

Rules kept: a folder is system or free only if nothing governed or protected lies below it, else it is split into the children that qualify; what is
not found here takes the slow way, which works everywhere; the wall grants nothing that the tables do not call system or free.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jupyter_mlsc.policy import Policy
from jupyter_mlsc.policy.globs import normal
from jupyter_mlsc.policy.rules import Supervise
from jupyter_mlsc.sandbox import landlock
from jupyter_mlsc.sandbox.boot import package_location
from jupyter_mlsc.sandbox.connection_files import own_sockets
from jupyter_mlsc.sandbox.decide import ACCELERATORS, PLAIN_DEVICES
from jupyter_mlsc.sandbox.known_folders import in_home
from jupyter_mlsc.sandbox.mounts import aliases, mounts, strays, ways_up
from jupyter_mlsc.sandbox.places import PROTECTED, Places, Region

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/sys", "/var", "/nix", "/snap")
_FAST = ("/usr", "/lib", "/lib64", "/bin", "/sbin")
"""System folders whose links stay inside them: told by the beginning of the path alone."""
_WRITABLE_OF_A_PROFILE = ("history.sqlite", "history.sqlite-journal", "history.sqlite-wal", "history.sqlite-shm", "db", "log", "pid", "security")
_READ_ONLY_IN_PROJECT = (".envrc", ".env", ".git/hooks", ".git/config", ".vscode", ".idea", ".devcontainer", ".jupyter", ".ipython", ".pre-commit-config.yaml")
_MOST_CHILDREN = 400
"""Children that a split folder may have; of a folder with more only those are looked into that lead to what splits it."""


@dataclass
class Survey:
    """What was found: the places, the wall's grants, the beginnings of paths that are system without a look, and governed files that have several names."""

    places: Places
    grants: list[tuple[bytes, int]]
    fast: tuple[bytes, ...]
    linked: dict[tuple[int, int], bytes]
    aliases: tuple[tuple[bytes, bytes], ...] = ()
    """Folders that a bind mount shows under another name, with the name that rules know."""


@dataclass
class _Draft:
    root: str
    policy: Policy
    settings: Supervise
    home: str
    regions: dict[str, Region] = field(default_factory=dict)
    avoid: set[str] = field(default_factory=set)
    _ways: tuple[int, set[str]] = (0, set())

    def governs(self, path: bytes) -> bool:
        text = os.fsdecode(path)
        relative = self._relative(text)
        return self.policy.governs(relative) or (relative.startswith("../") and self.policy.governs(text))

    def governs_below(self, path: bytes) -> bool:
        text = os.fsdecode(path)
        if text == self.root or text.startswith(self.root + "/"):
            return self._rules_reach(text, inside=True)
        # Of a folder beside the project the rules themselves say "perhaps"; the beginnings of their patterns know better.
        return bool(self.policy.prefixes) if self.root.startswith(text.rstrip("/") + "/") else self._rules_reach(text, inside=False)

    def _relative(self, text: str) -> str:
        # What the kernel names is plain already, and relpath takes longer than a whole open.
        plain = not ("//" in text or "/./" in text or "/../" in text or text.endswith(("/", "/.", "/..")))
        inside = plain and text.startswith(self.root + "/")
        return text[len(self.root) + 1 :] if inside else os.path.relpath(text, self.root)

    def holds_avoided(self, folder: str) -> bool:
        """Whether something governed, protected, or with a region of its own lies in a folder or around it."""
        if folder in self._around_avoided():
            return True
        inside = folder == self.root or folder.startswith(self.root + "/")
        return self.governs(os.fsencode(folder)) or self._rules_reach(folder, inside=inside)

    def _rules_reach(self, folder: str, *, inside: bool) -> bool:
        if inside:
            return self.policy.governs_below(os.path.relpath(folder, self.root))
        here = normal(folder)
        return any(r == here or r.startswith(here.rstrip("/") + "/") or here.startswith(r.rstrip("/") + "/") for r in self._reached_outside)

    @cached_property
    def _reached_outside(self) -> list[str]:
        # A rule that climbs out of the project or is absolute; a wildcard alone never leaves it.
        outward = [prefix for prefix in self.policy.prefixes if prefix.startswith(("/", ".."))]
        # Compared as rules compare: two spellings of one visible name are one name.
        return [normal(prefix if prefix.startswith("/") else os.path.join(self.root, prefix)) for prefix in outward]

    def _around_avoided(self) -> set[str]:
        """What is to be avoided, and all folders that lead to it."""
        if self._ways[0] != len(self.avoid):  # nothing is ever taken out
            self._ways = (len(self.avoid), {way for each in self.avoid for way in ways_up(each)})
        return self._ways[1]

    def cover(self, folder: str, region: Region, depth: int = 12) -> Iterator[str]:
        """The folder, or those below it that hold nothing to avoid."""
        if os.path.islink(folder) or not os.path.isdir(folder):
            return
        if not self.holds_avoided(folder):
            yield folder
            return
        if depth == 0:
            return
        try:
            children = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            return
        if len(children) > _MOST_CHILDREN:
            # Too many for the wall: only the way to what is to be avoided is followed, since what lies beside that is what a command uses.
            top = folder.rstrip("/") + "/"
            leading = {top + each[len(top) :].partition("/")[0] for each in self.avoid if each.startswith(top)}
            children = [child for child in children if child in leading]
        for child in children:
            if child not in self.regions or self.regions[child] is region:
                yield from self.cover(child, region, depth - 1)


def survey(
    root: Path,
    policy: Policy,
    settings: Supervise,
    *,
    mlsc_home: Path,
    environ: Mapping[str, str],
    command: Iterable[str],
    executable: str,
    hidden: Iterable[str] = (),
) -> Survey:
    """Find the regions of a command that runs in the project ``root``. ``environ`` is the command's, ``executable`` its program's full path.

    ``hidden`` is hidden besides.
    """
    home = os.path.realpath(environ.get("HOME") or os.path.expanduser("~"))
    draft = _Draft(os.path.realpath(root), policy, settings, home)
    set_region = draft.regions.__setitem__
    _protect(draft, environ, os.path.realpath(mlsc_home), list(command))
    for path in hidden:
        set_region(os.path.realpath(path), Region.HIDDEN)
    seen = mounts()
    for stray in strays(seen):
        set_region(stray, Region.HIDDEN)
    draft.avoid = {draft.root, *(path for path, region in draft.regions.items() if region in (Region.HIDDEN, Region.READ_ONLY))}
    reached = {os.path.normpath(os.path.join(draft.root, prefix)) for prefix in policy.prefixes}
    other_names = dict(aliases(seen, sorted(draft.avoid | reached)))
    draft.avoid |= set(other_names)
    environments = set(_environments(executable, environ))
    writable_environments = settings.environment == "writable"
    system: list[str] = []
    for folder in dict.fromkeys((*_SYSTEM, f"{home}/.local/lib", f"{home}/.local/bin", *sorted(environments))):
        if folder in environments and writable_environments and folder.startswith((draft.root + "/", home + "/", tempfile.gettempdir() + "/")):
            continue
        system += draft.cover(folder, Region.SYSTEM)
    for folder in system:
        set_region(folder, Region.SYSTEM)
    draft.avoid |= {folder for folder in system if folder in environments}
    free: list[str] = []
    for folder in _free_candidates(draft, environ, environments if writable_environments else set()):
        found = list(draft.cover(folder, Region.FREE))
        if found != [folder] and os.path.isdir(folder):
            draft.regions.setdefault(folder, Region.WRITABLE)
        free += found
    linked, crowded = _governed_links(draft)
    free = [folder for folder in _outermost(free) if _device_of(folder) not in {None, *crowded}]
    for folder in free:
        set_region(folder, Region.FREE)
    for path in settings.write:
        set_region(_absolute(path, draft), Region.WRITABLE)
    grants = list(_grants(draft, system, free))
    places = Places({os.fsencode(p): r for p, r in draft.regions.items()}, draft.governs, draft.governs_below, (path for path, _ in grants))
    whole = set(system)
    fast = tuple(os.fsencode(folder) + b"/" for folder in (*_FAST, *environments) if _leads_into(os.path.realpath(folder), whole))
    by_other_names = tuple((os.fsencode(other), os.fsencode(name)) for other, name in other_names.items())
    return Survey(places, grants, fast, linked, by_other_names)


def _device_of(folder: str) -> int | None:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return None  # somebody removed it meanwhile


def _outermost(folders: Iterable[str]) -> list[str]:
    """Without those that lie below others: a folder with a grant of its own could be moved within the outer one, and then out of it."""
    found: list[str] = []
    for folder in sorted(set(folders)):
        if not found or not folder.startswith(found[-1].rstrip("/") + "/"):
            found.append(folder)
    return found


def _protect(draft: _Draft, environ: Mapping[str, str], mlsc_home: str, command: list[str]) -> None:
    regions, home, root = draft.regions, draft.home, draft.root
    regions.update({"/proc": Region.PROCESS, "/dev": Region.DEVICE, "/": Region.ELSEWHERE, root: Region.WRITABLE})
    for name in ("fd", "stdin", "stdout", "stderr", "core"):
        regions[f"/dev/{name}"] = Region.FREE  # links by name alone; what they lead to is what counts
    for region in (Region.WRITABLE, Region.READ_ONLY, Region.HIDDEN):
        for name in in_home(region):
            regions[f"{home}/{name}"] = region
    ipython = os.path.realpath(environ.get("IPYTHONDIR") or f"{home}/.ipython")
    regions[ipython] = Region.READ_ONLY
    for profile in {"profile_default", *(n for n in _children(ipython) if n.startswith("profile_"))}:
        for name in _WRITABLE_OF_A_PROFILE:
            regions[f"{ipython}/{profile}/{name}"] = Region.WRITABLE
    for folder in _jupyter_folders(environ, home):
        regions[f"{folder}/kernels"] = Region.READ_ONLY
        regions[f"{folder}/runtime"] = Region.HIDDEN
    for variable in ("JUPYTER_RUNTIME_DIR",):
        if environ.get(variable):
            regions[os.path.realpath(environ[variable])] = Region.HIDDEN
    for argument in command:
        path = os.path.realpath(argument.removeprefix("--f="))
        if os.path.isfile(path) and regions.get(os.path.dirname(path)) is Region.HIDDEN:
            regions.update(dict.fromkeys((path, *own_sockets(path)), Region.WRITABLE))  # its own connection file
    if environ.get("JUPYTER_CONFIG_DIR"):
        regions[os.path.realpath(environ["JUPYTER_CONFIG_DIR"])] = Region.READ_ONLY
    regions[f"{root}/mlsc.toml"] = Region.READ_ONLY
    for name in _READ_ONLY_IN_PROJECT:
        regions[f"{root}/{name}"] = Region.READ_ONLY
    regions[f"{root}/.mlsc"] = Region.READ_ONLY
    for suffix in ("", "-wal", "-shm", "-journal", "-lock"):
        regions[f"{root}/.mlsc/ledger.db{suffix}"] = Region.HIDDEN
    regions[mlsc_home] = Region.HIDDEN
    for name in (".local/lib", ".local/bin", ".local/etc"):
        if not os.path.isdir(f"{home}/{name}"):
            regions[f"{home}/{name}"] = Region.READ_ONLY  # else a system folder; who makes it decides what runs
    # What a protected name leads to is as protected: dot files often are links into a folder of their own.
    for path, region in [(path, region) for path, region in regions.items() if region in PROTECTED and os.path.islink(path)]:
        place = os.path.realpath(path)
        regions[place] = max(region, regions.get(place, region))


def _leads_into(place: str, whole: set[str]) -> bool:
    return any(place == folder or place.startswith(folder + "/") for folder in whole)


def _children(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _jupyter_folders(environ: Mapping[str, str], home: str) -> set[str]:
    named = environ.get("JUPYTER_DATA_DIR")
    data = os.path.join(environ.get("XDG_DATA_HOME") or f"{home}/.local/share", "jupyter")
    return {os.path.realpath(each) for each in (named, data, f"{home}/Library/Jupyter") if each}


def _environments(executable: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Prefixes of the supervisor's interpreter and of the command's, with those that they stand on."""
    yield from (os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, os.path.join(package_location(), "jupyter_mlsc")))
    for program in (executable, os.path.realpath(executable)):
        prefix = os.path.dirname(os.path.dirname(program))
        try:
            with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8") as file:
                home = next((line.partition("=")[2].strip() for line in file if line.partition("=")[0].strip() == "home"), None)
        except OSError:
            if os.path.isdir(os.path.join(prefix, "conda-meta")) or os.path.isdir(os.path.join(prefix, "lib")):
                yield os.path.realpath(prefix)
            continue
        yield os.path.realpath(prefix)
        if home:
            yield os.path.dirname(os.path.realpath(home))
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(variable):
            yield os.path.realpath(environ[variable])


def _free_candidates(draft: _Draft, environ: Mapping[str, str], environments: set[str]) -> Iterator[str]:
    named = (environ.get(name) for name in ("TMPDIR", "XDG_CACHE_HOME", "PIP_CACHE_DIR", "HF_HOME", "TORCH_HOME"))
    places = (*named, tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", *(f"{draft.home}/{name}" for name in in_home(Region.FREE)))  # noqa: S108  # places to look at
    inside = (f"{draft.root}/.git/objects", f"{draft.root}/node_modules", *environments)
    yield from dict.fromkeys(os.path.realpath(path) for path in (*places, *inside) if path)


def _governed_links(draft: _Draft) -> tuple[dict[tuple[int, int], bytes], set[int]]:
    """Governed files that have several names, by inode, and the file systems that they lie on."""
    linked: dict[tuple[int, int], bytes] = {}
    prefixes = {os.path.normpath(os.path.join(draft.root, prefix)) for prefix in draft.policy.prefixes}
    for top in prefixes:
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if name not in (".git", ".mlsc") and draft.governs_below(os.fsencode(os.path.join(folder, name)))]
            for name in files:
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue  # it went away meanwhile
                if status.st_nlink > 1 and stat.S_ISREG(status.st_mode) and draft.governs(os.fsencode(path)):
                    linked[status.st_dev, status.st_ino] = os.fsencode(path)
    return linked, {device for device, _ in linked}


def _absolute(path: str, draft: _Draft) -> str:
    expanded = draft.home + path[1:] if path == "~" or path.startswith("~/") else path
    return os.path.realpath(os.path.join(draft.root, expanded))


def _grants(draft: _Draft, system: Iterable[str], free: Iterable[str]) -> Iterator[tuple[bytes, int]]:
    for folder in system:
        yield os.fsencode(folder), landlock.READ_FILE | landlock.EXECUTE
    for folder in free:
        yield os.fsencode(folder), landlock.HANDLED
    for path in draft.settings.exec:
        place = _absolute(path, draft)
        if not draft.holds_avoided(place):
            yield os.fsencode(place), landlock.READ_FILE | landlock.EXECUTE
    usable = landlock.READ_FILE | landlock.WRITE_FILE | landlock.TRUNCATE | landlock.IOCTL_DEV
    for device in PLAIN_DEVICES:
        yield b"/dev/" + device, usable
    for name in _children("/dev"):
        if name.startswith(tuple(os.fsdecode(each) for each in ACCELERATORS)):
            yield os.fsencode(f"/dev/{name}"), usable
