"""The unpickle allowlist's enforcement, in the interpreter itself: every global that an artifact asks for is checked before it is imported.

Rules: one audit hook for ``pickle.find_class``, installed at the first load and never taken away, which the C and the Python unpickler both raise;
it judges only threads that are marked as loading an artifact. A refusal is remembered by the mark, so that a library which swallows the exception
does not hide it. Threads that a loader itself starts are not marked: none of the loaders here unpickles in them. Free of Jupyter and of the
libraries whose files are loaded.
"""

from __future__ import annotations

import copyreg
import importlib
import importlib.util
import pickle
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mlsc.errors import DeniedGlobalError
from jupyter_mlsc.scan import allowlist

Own = Callable[[str, str], bool]
"""Whether a global, by module and name, is of the notebook's own making."""

_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})


class DeniedUnpicklingError(DeniedGlobalError, pickle.UnpicklingError):
    """The refusal as the pickle machinery knows it."""


class Mark:
    """One load in one thread: the artifact's name, what is allowed beside the list, and what was refused."""

    __slots__ = ("allow", "artifact", "granted", "is_own", "lifted", "outer", "refused", "suspended")

    def __init__(self, artifact: str, *, lifted: bool, allow: frozenset[str], outer: Mark | None, is_own: Own | None = None) -> None:
        self.artifact = artifact
        self.lifted = lifted
        self.allow = allow
        self.is_own = is_own
        self.outer = outer
        self.refused: DeniedUnpicklingError | None = None
        self.granted: tuple[str, str] | None = None
        self.suspended = False

    def refuse(self, module: str, name: str, why: str | None = None) -> DeniedUnpicklingError:
        """Remember the first refusal and return it, to be raised."""
        error = DeniedUnpicklingError(self.artifact, f"{module}.{name}", why=why)
        if self.refused is None:
            self.refused = error
        return error

    def check(self, module: object, name: object) -> None:
        """Raise DeniedUnpicklingError unless the artifact may name this global; import its module, out of the artifact's sight, if it may."""
        if self.lifted or self.suspended:
            return
        if type(module) is not str or type(name) is not str:
            # A subclass of str could compare as one name and import another.
            raise self.refuse(repr(module), repr(name))
        if self.granted != (module, name):
            if not allowlist.is_allowed(module, name, self.allow):
                if self.is_own is not None and self.is_own(module, name):
                    return
                raise self.refuse(module, name)
            own = allowlist.is_allowed(module, name, frozenset())
            if own and is_shadowed(module):
                raise self.refuse(module, name, "whose module lies in the working directory instead of an installed library")
        self._import(*allowlist.canonical(module, name))

    def _import(self, module: str, _: str) -> None:
        """Import a module of the list. What the library itself unpickles on its way in is not the artifact's doing."""
        if module in sys.modules:
            return
        self.suspended = True
        try:
            importlib.import_module(module)
        finally:
            self.suspended = False


def is_shadowed(module: str, *folders: Path) -> bool:
    """Whether a listed library that is not imported yet would come from the working directory, or one of ``folders``.

    Whoever wrote the artifact may have put it there.
    """
    top = module.partition(".")[0]
    if top in sys.modules or top in sys.builtin_module_names:
        return False
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin in ("built-in", "frozen"):
        return False
    near = [folder.resolve() for folder in (Path.cwd(), *folders)]
    # A folder without __init__.py is a package too, and has no origin.
    return any(_is_loose(Path(origin).resolve(), near) for origin in ([spec.origin] if spec.origin else spec.submodule_search_locations or ()))


def _is_loose(origin: Path, near: list[Path]) -> bool:
    """Whether a module's file or folder lies below one of these folders, and not in an environment there."""
    if any(origin.is_relative_to(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")):
        return False
    return any(origin.is_relative_to(folder) and _LIBRARY_FOLDERS.isdisjoint(origin.relative_to(folder).parts) for folder in near)


Elsewhere = Callable[[object, object], None]
"""What judges a global that is asked for outside a load: it raises to refuse."""


def _make_enforcement() -> tuple[Callable[[Mark | None], None], Callable[[], Mark | None], Callable[[Elsewhere | None], None]]:
    """Build the hook with its state in a closure, so that no module attribute leads to it; install it once."""
    elsewhere: list[Elsewhere | None] = [None]
    # Thread local, not a context variable: the hook runs in whatever context the unpickler is called from, but always in its thread.
    local = threading.local()

    def current() -> Mark | None:
        found: Mark | None = getattr(local, "mark", None)
        return found

    def put(mark: Mark | None) -> None:
        local.mark = mark

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "pickle.find_class":
            mark = current()
            if mark is not None:
                mark.check(*arguments)
            elif elsewhere[0] is not None:
                elsewhere[0](*arguments)

    def watch(judge: Elsewhere | None) -> None:
        elsewhere[0] = judge

    sys.addaudithook(hook)
    return put, current, watch


# Importing this module installs the hook; the loaders import it at their first load, and the import lock makes it once.
_put_mark, _current_mark, _watch = _make_enforcement()


def judge_elsewhere(judge: Elsewhere | None) -> None:
    """Have globals that are asked for outside a load judged too; None for not at all. One judge for each process: a notebook's guard."""
    _watch(judge)


def current_mark() -> Mark | None:
    """The load that this thread is in, or None. For gates that judge unpickling outside a load."""
    return _current_mark()


@contextmanager
def unpickling(artifact: str, *, lifted: bool, allow: frozenset[str], is_own: Own | None = None) -> Iterator[Mark]:
    """Within the block this thread loads ``artifact``: globals outside the list, ``allow`` and what ``is_own`` are refused, unless ``lifted``.

    Raises DeniedUnpicklingError at the end of the block if anything was refused in it, whatever a library made of the exception in between.
    """
    outer = _current_mark()
    # A filled extension cache answers EXT opcodes without asking find_class (CPython's load_extension).
    copyreg.clear_extension_cache()
    mark = Mark(artifact, lifted=lifted, allow=allow, outer=outer, is_own=is_own)
    _put_mark(mark)
    try:
        yield mark
    except BaseException as err:
        if mark.refused is not None and err is not mark.refused:
            raise mark.refused from err
        raise
    finally:
        _put_mark(outer)
    if mark.refused is not None:
        raise mark.refused
