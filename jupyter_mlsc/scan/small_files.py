"""Small files beside models that make other programs run code: ``.pth`` files, requirements, kernel specs, start-up files, formulas in tables.

Rules kept: these files have no first bytes of their own, so their names say what reads them; a text of the same name that asks for nothing is clean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jupyter_mlsc.scan.documents import is_text, json_of, text_of
from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.scan.indexes import index_in, is_named, without_credentials
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_REQUIREMENTS = re.compile(r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in)|requirements/.*\.txt")
_ADDRESS = re.compile(r"(?:^|@\s*|-e\s+)((?:git\+|hg\+|svn\+|bzr\+)?(?:https?|ssh|git|ftp|file)://\S+|git\+\S+)")
_FORMULA = re.compile(
    r"(?:^|[,;\t\n])\s*\"?\s*[=@+-][^,;\t\n]*?"
    r"(?:\b(?:cmd|mshta|powershell|rundll32|regsvr32)\s*\||\|\s*'"
    r"|\b(?:HYPERLINK|WEBSERVICE|IMPORTXML|IMPORTDATA|IMPORTFEED|IMPORTRANGE|IMPORTHTML|IMAGE|DDE|DDEAUTO|CALL|EXEC|REGISTER\.ID)\s*\()",
    re.IGNORECASE | re.MULTILINE,
)
_TABLES = (".csv", ".tsv")
_CHUNK = 8 << 20
_KERNEL_CODE = re.compile(r"-c\b|/dev/tcp/|\b(?:curl|wget|nc)\b|base64")


def _recognise_pth(piece: Piece) -> bool:
    return piece.lowered.endswith(".pth") and is_text(piece.head) and piece.size < 1 << 20 and not piece.head.startswith(b"PK")


def _scan_pth(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    for number, line in enumerate(text_of(piece, scanning).splitlines(), 1):
        # site.py executes exactly the lines that begin so.
        if line.startswith(("import ", "import\t")):
            yield scanning.found("pth-code", piece, f"line {number}", what=line)


def _recognise_requirements(piece: Piece) -> bool:
    return _REQUIREMENTS.fullmatch(piece.lowered) is not None and is_text(piece.head)


def _scan_requirements(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    for number, line in enumerate(text_of(piece, scanning).splitlines(), 1):
        line = line.split(" #", 1)[0]
        if line.lstrip().startswith("#"):
            continue
        index = index_in(line)
        if index is not None:
            if not is_named(index, scanning.indexes):
                yield scanning.found("foreign-index", piece, f"line {number}", what=index)
            continue
        address = _ADDRESS.search(line)
        if address is not None:
            code = "foreign-package" if address[1].startswith(("http://", "git://", "ftp://")) or "@" not in address[1].rpartition("/")[2] else "pinned-package"
            yield scanning.found(code, piece, f"line {number}", what=without_credentials(address[1]))


def _recognise_kernel(piece: Piece) -> bool:
    return piece.lowered == "kernel.json" and is_text(piece.head)


def _scan_kernel(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    spec = json_of(text_of(piece, scanning))
    argv = spec.get("argv") if isinstance(spec, dict) else None
    if not isinstance(argv, list):
        return
    words = [str(each) for each in argv]
    if any(_KERNEL_CODE.search(word) for word in words) or (words and words[0].rpartition("/")[2] in {"sh", "bash", "zsh", "dash", "env", "cmd", "cmd.exe"}):
        yield scanning.found("kernel-command", piece, "argv", what=" ".join(words))
    environment = spec.get("env")
    for name in environment if isinstance(environment, dict) else ():
        if name in ("LD_PRELOAD", "PYTHONSTARTUP", "PYTHONPATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PATH", "BASH_ENV"):
            yield scanning.found("kernel-environment", piece, f"env.{name}", what=f"{name}={environment[name]}")


def _recognise_table(piece: Piece) -> bool:
    return piece.lowered.endswith(_TABLES) and is_text(piece.head)


def _scan_table(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    stream, line, kept = piece.rewound(), 1, ""
    while True:
        part = stream.read(_CHUNK)
        text = kept + part.decode("utf-8", "replace")
        found = _FORMULA.search(text) if any(sign in text for sign in ("|", "(")) else None
        if found is not None:
            at = line + text.count("\n", 0, found.end())
            yield scanning.found("table-formula", piece, f"line {at}", what=found[0].strip(' ,;\t\n"'))
            return
        if not part:
            return
        cut = text.rfind("\n")
        kept = text[cut:] if cut >= 0 and len(text) - cut < 1 << 20 else ""
        line += text.count("\n", 0, len(text) - len(kept))


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a path configuration file", _recognise_pth, _scan_pth),
    Scanner("a list of requirements", _recognise_requirements, _scan_requirements),
    Scanner("a kernel spec", _recognise_kernel, _scan_kernel),
    Scanner("a table", _recognise_table, _scan_table, runs_code=False),
)
