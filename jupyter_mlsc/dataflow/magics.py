"""A cell as it is typed, made Python: magics, shell lines and questions become calls of names that no notebook can define.

Rules kept: a line is changed only where it would be no Python; a cell magic that is not listed here has a body of another language, and is
unknowable; a shell line is harmless only where its first word is listed and nothing in it redirects, chains or substitutes.
"""

from __future__ import annotations

import ast
import re

LINE, SHELL, UNKNOWN = "__mlsc_line__", "__mlsc_shell__", "__mlsc_unknown__"
"""Names of the calls; what is passed are the line's parts as strings."""

_INNER_CELL = {"time", "timeit", "capture", "prun", "debug", "mprun", "memit", "lprun", "heat", "scalene", "snakeviz", "pyinstrument"}
_OTHER_LANGUAGE = {
    **dict.fromkeys(("html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "writefile", "file"), "shown"),
    **dict.fromkeys(("bash", "sh", "script", "!", "sx", "system", "cmd", "ruby", "perl"), "shell"),
}
_INNER_LINE = {"time", "timeit", "prun", "memit", "mprun", "lprun", "debug"}
_HARMLESS_LIST = """
    aimport alias autoawait autocall automagic autoreload autosave bookmark cd colors conda config connect_info dhist dirs doctest_mode dotenv env hist
    history load_dotenv load_ext logoff logon logstart logstate logstop ls lsmagic magic mamba man matplotlib micromamba mkdir mlsc_diff mlsc_impact
    mlsc_lineage mlsc_sign mlsc_status mlsc_verify more notebook page pdb pdef pdoc pfile pinfo pinfo2 pip popd pprint precision psearch psource pushd pwd
    pycat quickref rehashx reload_ext set_env subplots tb unload_ext uv watermark who who_ls whos xmode
"""
HARMLESS = frozenset(_HARMLESS_LIST.split())
"""Magics that touch no variable and no file that matters."""
_QUIET_COMMANDS_LIST = """
    cat conda date df du echo file free head ls lscpu mamba nproc nvidia-smi pip pip3 pwd stat tail tree uname uv wc which whoami
"""
_QUIET_COMMANDS = frozenset(_QUIET_COMMANDS_LIST.split())
_ASSIGNED = re.compile(r"^(?P<indent>\s*)(?P<targets>[A-Za-z_][\w\s,.\[\]'\"()*]*?)\s*=\s*(?P<sign>%{1,2}|!{1,2})(?P<rest>\S.*)$")
_LINE = re.compile(r"^(?P<indent>\s*)(?P<sign>%|!!?)(?P<rest>[^\s=].*)$")
_QUESTION = re.compile(r"^\s*(\?{1,2}\s*%{0,2}[\w.*]+|%{0,2}[\w.*\[\]'\"]+\s*\?{1,2})\s*$")
_AUTOMAGIC = re.compile(r"^(pip|conda|mamba|uv|ls|cd|pwd|cat|mkdir|who|whos)(\s+[\w\-./~][^=(]*)?$")
_VARIABLE = re.compile(r"(?<!\{)\{([^{}]*)\}|\$\{?([A-Za-z_]\w*)")


def as_python(source: str) -> str:
    """The cell as Python. What still is none raises SyntaxError when it is parsed."""
    stripped = source.lstrip("\n")
    if stripped.startswith("%%"):
        return _cell_magic(stripped)
    if _parses(source):
        return source
    return "\n".join(_line(line) for line in _whole_lines(source))


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _whole_lines(source: str) -> list[str]:
    """Lines; those of a magic that end with a backslash are put together."""
    lines: list[str] = []
    for line in source.split("\n"):
        if lines and lines[-1].endswith("\\") and (_LINE.match(lines[-1]) or _ASSIGNED.match(lines[-1])):
            lines[-1] = lines[-1][:-1] + " " + line
        else:
            lines.append(line)
    return lines


def _cell_magic(source: str) -> str:
    first, _, body = source.partition("\n")
    name, _, rest = first[2:].strip().partition(" ")
    if name in _INNER_CELL:
        # The line is a statement of its own for %%timeit, options and a name for %%capture.
        kept = [word for word in rest.split() if word.isidentifier()] if name == "capture" else []
        if kept:
            return f"{UNKNOWN}({'%%capture ' + kept[0]!r})"  # whatever is printed flows into that name
        line = _code_after_options(rest) if name in ("timeit", "prun", "time") else ""
        return as_python((line + "\n" if line else "") + body)
    kind = _OTHER_LANGUAGE.get(name)
    if kind == "shown":
        return f"{LINE}({name!r}, {rest!r})"
    if kind == "shell":
        out = re.search(r"--out\s+([A-Za-z_]\w*)", rest)
        return (f"{out.group(1)} = " if out else "") + f"{SHELL}({(rest + chr(10) + body)!r})"
    return f"{UNKNOWN}({'%%' + name!r})"


def _line(line: str) -> str:
    if _QUESTION.match(line):
        return line[: len(line) - len(line.lstrip())] + "pass"
    found = _ASSIGNED.match(line)
    if found is not None:
        indent, targets, sign, rest = found.group("indent", "targets", "sign", "rest")
        return f"{indent}{targets} = {_called(sign[:1], rest)}"
    if _AUTOMAGIC.match(line):
        return "pass"
    found = _LINE.match(line)
    if found is None:
        return line
    indent, sign, rest = found.group("indent", "sign", "rest")
    name, _, words = rest.partition(" ")
    if sign == "%" and name in _INNER_LINE:
        return indent + (_code_after_options(words) or "pass")
    return indent + _called(sign[:1], rest)


def _called(sign: str, rest: str) -> str:
    if sign == "!":
        return f"{SHELL}({rest.lstrip('!')!r})"
    name, _, words = rest.partition(" ")
    if name in _INNER_LINE:
        return f"({_code_after_options(words) or 'None'})"
    if name in ("sx", "system", "sc", "bash"):
        return f"{SHELL}({words!r})"
    return f"{LINE}({name!r}, {words.strip()!r})"


def _code_after_options(words: str) -> str:
    """What follows the options of ``%time``, ``%timeit`` and ``%prun``."""
    while found := re.match(r"\s*-(?:[nrtDTls]\s*\S+|\w+)\s*", words):
        words = words[found.end() :]
    return words.strip()


def variables_in(line: str) -> list[str]:
    """Names of variables that IPython would put into a magic's or a shell's line."""
    names: list[str] = []
    for expression, plain in _VARIABLE.findall(line):
        names.extend(re.findall(r"[A-Za-z_]\w*", expression) if expression else [plain])
    return list(dict.fromkeys(names))


def is_quiet(command: str) -> bool:
    """Whether a shell's line only shows something, or installs."""
    words = command.split()
    if not words or re.search(r"[|<>;&`\n]|\$\(", command):
        return not words
    return words[0] in _QUIET_COMMANDS or words[:2] in (["git", "status"], ["git", "log"], ["git", "diff"], ["mkdir", "-p"])
