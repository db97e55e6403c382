"""What is kept of a cell's code: a small language of names, in which values flow but no value stands.

Rules kept: a literal appears only where it reads as a file's name (docs/lineage.md says when); arithmetic, comparison and formatting are all `Op`,
since only what flows into them matters; every node is a JSON array that begins with its tag, and is validated when it is read back.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec


class _Node(msgspec.Struct, frozen=True, array_like=True):
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


class Name(_Node, frozen=True, tag="n"):
    """A variable is read, or, as a target, bound."""

    id: str


class Text(_Node, frozen=True, tag="p"):
    """A literal that reads as a file's name; ``*`` stands for parts that are computed."""

    path: str


class Op(_Node, frozen=True, tag="o"):
    """Computed from its parts by an operator, or a constant where there are none."""

    parts: tuple[Expr, ...] = ()


class Glue(_Node, frozen=True, tag="g"):
    """Parts that are put together to a file's name: with ``/`` between them where they are joined as paths."""

    parts: tuple[Expr, ...]
    joined: bool = False


class Attr(_Node, frozen=True, tag="a"):
    """An attribute is read, or, as a target, set."""

    of: Expr
    name: str


class Item(_Node, frozen=True, tag="s"):
    """A subscript is read, or, as a target, set."""

    of: Expr
    index: Expr


class Call(_Node, frozen=True, tag="c"):
    """A call. ``flags`` are keywords that are set to something else than False, and ``mode:`` with the letters of a file's mode;
    ``words`` are names of variables that stand in a query, which libraries look up in the caller's variables.
    """

    func: Expr
    args: tuple[Expr, ...] = ()
    keywords: tuple[tuple[str, Expr], ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    spread: bool = False


class Box(_Node, frozen=True, tag="l"):
    """A list, tuple, set or dict of its parts; as a target, what is unpacked."""

    parts: tuple[Expr, ...] = ()


class Func(_Node, frozen=True, tag="f"):
    """A function's code: what is local to it, what it declares global, what it does."""

    name: str
    params: tuple[str, ...]
    rest: tuple[str, ...]
    """``*args`` and ``**kwargs``, with their stars."""
    defaults: tuple[Expr, ...]
    locals: tuple[str, ...]
    globals: tuple[str, ...]
    body: tuple[Stmt, ...]
    waits: bool = False
    """A generator or a coroutine: it runs when somebody asks for its values."""


class Comp(_Node, frozen=True, tag="k"):
    """A comprehension: ``steps`` are (target, iterable, conditions)."""

    steps: tuple[tuple[Expr, Expr, tuple[Expr, ...]], ...]
    results: tuple[Expr, ...]
    locals: tuple[str, ...]


class Pick(_Node, frozen=True, tag="i"):
    """One of several values, chosen by ``test`` and by the values themselves."""

    test: Expr
    choices: tuple[Expr, ...]


class Let(_Node, frozen=True, tag="w"):
    """A named expression."""

    name: str
    value: Expr


class Yield(_Node, frozen=True, tag="y"):
    """A generator hands a value out."""

    value: Expr


Expr: TypeAlias = Name | Text | Op | Glue | Attr | Item | Call | Box | Func | Comp | Pick | Let | Yield


class Bind(_Node, frozen=True, tag="="):
    """An assignment to one or more targets."""

    targets: tuple[Expr, ...]
    value: Expr


class Update(_Node, frozen=True, tag="+"):
    """An augmented assignment."""

    target: Expr
    value: Expr


class Drop(_Node, frozen=True, tag="d"):
    """``del``."""

    targets: tuple[Expr, ...]


class Do(_Node, frozen=True, tag="e"):
    """An expression as a statement; the last of a cell is what the notebook shows and keeps as ``_``."""

    value: Expr


class Branch(_Node, frozen=True, tag="b"):
    """One of ``arms`` runs; ``leaves`` where one of them may leave the loop or the function."""

    test: Expr
    arms: tuple[tuple[Stmt, ...], ...]
    leaves: bool = False


class Loop(_Node, frozen=True, tag="r"):
    """``for`` with a target, ``while`` without."""

    target: Expr | None
    over: Expr
    body: tuple[Stmt, ...]
    after: tuple[Stmt, ...] = ()


class Guarded(_Node, frozen=True, tag="t"):
    """``try``."""

    body: tuple[Stmt, ...]
    handlers: tuple[tuple[Stmt, ...], ...]
    otherwise: tuple[Stmt, ...] = ()
    finally_: tuple[Stmt, ...] = ()


class Within(_Node, frozen=True, tag="u"):
    """``with``: (context, target) for each."""

    items: tuple[tuple[Expr, Expr | None], ...]
    body: tuple[Stmt, ...]


class Return(_Node, frozen=True, tag="R"):
    """A function's value."""

    value: Expr


class Leave(_Node, frozen=True, tag="x"):
    """``break``, ``continue`` or ``raise`` with what is raised."""

    value: Expr | None = None


class Define(_Node, frozen=True, tag="D"):
    """``def``."""

    func: Func
    decorators: tuple[Call, ...] = ()
    """Each as a call whose argument is missing."""


class MakeClass(_Node, frozen=True, tag="C"):
    """``class``."""

    name: str
    bases: tuple[Expr, ...]
    decorators: tuple[Call, ...]
    locals: tuple[str, ...]
    body: tuple[Stmt, ...]


class Import(_Node, frozen=True, tag="I"):
    """``symbol`` is bound to ``name``; ``*`` for a star import. ``module`` is what is run."""

    module: str
    symbol: str
    name: str


class Shell(_Node, frozen=True, tag="!"):
    """A shell's line that may do anything, with the variables that stand in it and the target of what it prints."""

    uses: tuple[str, ...]
    target: Expr | None = None


class Unknowable(_Node, frozen=True, tag="?"):
    """A line of which nothing can be known but why."""

    reason: str


Stmt: TypeAlias = Bind | Update | Drop | Do | Branch | Loop | Guarded | Within | Return | Leave | Define | MakeClass | Import | Shell | Unknowable
