"""What a command asks an installer for, and why a policy's ``[install]`` does not accept it.

The options are those of pip, uv, conda, mamba and poetry. A command, or a script, is text that a shell will read: `shell_words` takes it apart, and what
only the shell can know (a variable, a substitution) is unknown, which a policy that names names does not accept.

Rules kept: no I/O: the lines of a requirements file or of a script are handed in; credentials in an address are left out of what is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from jupyter_mlsc.policy.rules import Install
from jupyter_mlsc.policy.shell_words import commands_of, script_of

_INSTALLERS = {"pip": "pip", "pip3": "pip", "pipx": "pip", "uv": "uv", "conda": "conda", "mamba": "conda", "micromamba": "conda", "poetry": "poetry"}
_VERBS = frozenset(("install", "add", "sync", "create", "update", "upgrade"))
_INDEX = ("-i", "--index-url", "--extra-index-url", "--index", "--default-index", "-f", "--find-links", "-c", "--channel")
_FILES = ("-r", "--requirement", "--requirements", "--file")
_VALUED = frozenset(
    (
        *("-c", "--constraint", "-t", "--target", "--prefix", "--root", "-n", "--name", "-p", "--python", "--platform", "--python-version"),
        *("--implementation", "--abi", "--timeout", "--retries", "--proxy", "--cert", "--cache-dir", "--log", "--src", "--progress-bar", "--report"),
        *("--upgrade-strategy", "--only-binary", "--no-binary", "--trusted-host", "-C", "--config-settings"),
    )
)
"""Options whose next word is a value and no package."""
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?P<rest>(?:[<>=!~;@(].*)?)\Z", re.DOTALL)
_ADDRESS = re.compile(r"(?:[a-z]+\+)?[a-z]+://|git\+")
_DEEPEST = 8
"""Shells within shells, and scripts that start scripts."""


class InstallRequest(msgspec.Struct, frozen=True):
    """One call of an installer: which, the names (normalized) and what they were written as, addresses, indexes, files of requirements, folders and
    what cannot be known; ``hashed`` when hashes are required of everything."""

    installer: str
    names: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    hashed: bool = False


class _Call(NamedTuple):
    installer: str
    arguments: list[str]


def requests_in(command: str | Iterable[str], lines_of: Callable[[str], Iterable[str] | None]) -> list[InstallRequest]:
    """The calls of installers in a command line or script (or in the arguments of one command).

    ``lines_of`` gives the lines of a file of requirements, or of a script that a shell is told to run; None where it cannot be read.
    """
    return [_request(call, lines_of) for call in _calls(command, lines_of, _DEEPEST)]


def refusals(install: Install, request: InstallRequest) -> list[str]:
    """Why the policy does not accept a request, one sentence each without a full stop; empty when it does."""
    found = []
    if install.require_hashes and not request.hashed:
        how = "add --require-hashes, and hashes to a file of requirements" if request.installer in ("pip", "uv") else "use pip with --require-hashes"
        found.append(f"the policy requires hashes of everything that is installed: {how}")
    if install.indexes is not None:
        if strange := [each for each in (*request.indexes, *request.addresses) if each.rstrip("/") not in install.indexes]:
            found.append(f"{', '.join(strange)} is none of the indexes that the policy allows ({', '.join(install.indexes)})")
        elif not request.indexes:
            found.append(f"it names no index, and the policy allows only {', '.join(install.indexes)}: add --index-url {install.indexes[0]}")
    if install.allow is not None:
        allowed = {normalized(name) for name in install.allow}
        if strange := [name for name in request.names if name not in allowed]:
            found.append(f"{', '.join(strange)} is not among the names that the policy allows ({', '.join(install.allow)})")
        if nameless := [*request.addresses, *request.unknown]:
            found.append(f"nobody can tell beforehand which names {', '.join(nameless)} stands for, and the policy allows only some")
    return found


def normalized(name: str) -> str:
    """A distribution's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _calls(command: str | Iterable[str], lines_of: Callable[[str], Iterable[str] | None], depth: int) -> Iterator[_Call]:
    for words in commands_of(command) if isinstance(command, str) else [[str(word) for word in command]]:
        line, file = script_of(words)
        if file is not None:
            lines = lines_of(file)
            line = None if lines is None else "\n".join(lines)
        if line is not None and depth:
            yield from _calls(line, lines_of, depth - 1)
        elif (call := _call(words)) is not None:
            yield call


def _call(words: list[str]) -> _Call | None:
    for number, word in enumerate(words):
        base = re.sub(r"(?:\.exe)?$", "", word.rpartition("/")[2].lower())
        installer = _INSTALLERS.get(re.sub(r"^pip3?\.\d+$", "pip", base))
        if installer is None:
            if not _leads_on(word, base):
                return None
            continue
        rest = words[number + 1 :]
        if installer == "uv" and rest[:1] == ["pip"]:
            rest = rest[1:]
        # Options may stand between the installer and its verb.
        while rest and rest[0].startswith("-"):
            rest = rest[2:] if rest[0] in _VALUED and "=" not in rest[0] else rest[1:]
        if rest and rest[0] in _VERBS:
            before = [each for each in words[number + 1 :] if each.startswith("-")]
            given = ["$(xargs)"] if any(each.rpartition("/")[2] == "xargs" for each in words[:number]) else []
            return _Call(installer, [*rest[1:], *(each for each in before if each not in rest), *given])
    return None


def _leads_on(word: str, base: str) -> bool:
    """Whether a word before an installer's name can still make it the command: an option, a variable, a program that runs another one."""
    return word.startswith("-") or "=" in word or base in _LEADERS or re.fullmatch(r"(?:python|pypy)[\d.]*", base) is not None


_LEADERS = frozenset(("sudo", "doas", "env", "time", "nohup", "exec", "eval", "command", "builtin", "xargs", "nice")) | frozenset(
    ("if", "then", "elif", "else", "while", "until", "do", "!", "{")
)
"""Words of a shell, and programs, behind which a command stands."""


def _request(call: _Call, lines_of: Callable[[str], Iterable[str] | None]) -> InstallRequest:
    found: dict[str, list[str]] = {key: [] for key in ("names", "written", "addresses", "indexes", "files", "unknown")}
    hashed = _take(call.arguments, found, lines_of, call.installer, frozenset())
    return InstallRequest(call.installer, **{key: tuple(dict.fromkeys(values)) for key, values in found.items()}, hashed=hashed)


def _take(words: list[str], found: dict[str, list[str]], lines_of: Callable[[str], Iterable[str] | None], installer: str, within: frozenset[str]) -> bool:
    hashed = False
    pending = iter(words)
    for word in pending:
        option, given, value = word.partition("=")
        if not word.startswith("-"):
            _take_package(word, found, installer)
        elif option == "--require-hashes":
            hashed = True
        elif option in _FILES or (option[:2] == "-r" and option[:3] != "-r-" and not option.startswith("--")):
            name = value if given else (word[2:] if len(word) > 2 and not word.startswith("--") else next(pending, ""))
            hashed = _take_file(name, found, lines_of, installer, within) or hashed
        elif option in ("-e", "--editable"):
            found["unknown"].append(_bare(value if given else next(pending, "")))
        elif option in _INDEX and not (option == "-c" and installer != "conda"):
            found["indexes"].append(_bare(value if given else next(pending, "")))
        elif option in _VALUED and not given:
            next(pending, None)
    return hashed


def _take_file(name: str, found: dict[str, list[str]], lines_of: Callable[[str], Iterable[str] | None], installer: str, within: frozenset[str]) -> bool:
    if name in within:
        return False
    found["files"].append(name)
    lines = lines_of(name)
    if lines is None:
        found["unknown"].append(name)
        return False
    # pip asks for hashes of everything as soon as one requirement has one.
    hashed = False
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        text = re.sub(r"(?:^|\s)#.*$", "", line).strip()
        bare = re.sub(r"\s--hash[= ]\S+", "", text)
        hashed = hashed or bare != text
        if bare.startswith("-"):
            hashed = _take(bare.split(maxsplit=1), found, lines_of, installer, within | {name}) or hashed
        elif bare:
            _take_package(bare, found, installer)
    return hashed


def _take_package(word: str, found: dict[str, list[str]], installer: str) -> None:
    text = word.partition("::")[2] or word if installer == "conda" else word
    match = _NAME.match(text)
    if _ADDRESS.search(text):
        found["addresses"].append(_bare(text.partition(" @ ")[2].strip() or text))
    elif match is None or match["rest"].startswith("@"):
        found["unknown"].append(_bare(text))
    elif re.search(r"[\\/]|\.(?:whl|zip|tar\.gz|conda)\Z", text):
        found["unknown"].append(text)
    else:
        found["names"].append(normalized(match[1]))
        found["written"].append(text.strip())


def _bare(address: str) -> str:
    """An address without the name and password that may stand in it."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", address)
