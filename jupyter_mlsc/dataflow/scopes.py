"""Which names a block of code binds, and which it declares to be somebody else's."""

from __future__ import annotations

import ast
from collections.abc import Iterable

_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def bound_names(body: Iterable[ast.stmt]) -> set[str]:
    """Names that are bound in this scope: by assignment, definition, import, a loop, ``except``, ``match`` or a named expression."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            # Its targets are its own; a named expression in it binds here.
            waiting.extend(each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
        elif not isinstance(node, _OWN_SCOPE):
            waiting.extend(ast.iter_child_nodes(node))
        else:
            waiting.extend(getattr(node, "decorator_list", ()))
    return found | ({"*match*"} if any(isinstance(each, ast.Match) for statement in body for each in ast.walk(statement)) else set())


def declared_global(body: Iterable[ast.stmt]) -> tuple[set[str], set[str]]:
    """Names that are declared ``global``, and those that are declared ``nonlocal``."""
    world: set[str] = set()
    outer: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Global):
            world.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            outer.update(node.names)
        elif not isinstance(node, _OWN_SCOPE):
            waiting.extend(ast.iter_child_nodes(node))
    return world, outer
