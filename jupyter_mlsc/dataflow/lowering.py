"""From Python's syntax tree to the small language of `nodes`.

Rules kept: no literal is kept but what reads as a file's name; what is not understood becomes `Unknowable`, never nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

from jupyter_mlsc.dataflow import magics, nodes
from jupyter_mlsc.dataflow.nodes import Expr, Stmt
from jupyter_mlsc.dataflow.scopes import bound_names, declared_global
from jupyter_mlsc.dataflow.tables import PATH_KEYWORDS

FILE_NAME = re.compile(r"(?!.*//)[\w\-./\\~: ()+@*]{0,200}\.(?!\d+$)[A-Za-z]\w{0,9}(\.(gz|bz2|xz|zst))?")
"""A literal that reads as a file's name: an extension that begins with a letter, no query, no protocol, and not longer than names are."""
_PATH_PART = re.compile(r"[\w\-./\\~ ]{1,100}")
_PATH_CALLS = re.compile(r"(?i)^(open|path|\w*path|join|load\w*|save\w*|read\w*|write\w*|to_\w+|dump|scan_\w+|from_\w+|copy\w*|move|rename|replace)$")
_QUERIES = frozenset(("sql", "query", "execute", "eval", "sqldf", "read_sql", "read_sql_query", "from_query", "executemany", "executescript"))
_MODES = re.compile(r"[rwaxbt+U]{1,4}")
_MOST_WORDS = 60
EMPTY = nodes.Op()


def statements(body: Sequence[ast.stmt]) -> tuple[Stmt, ...]:
    """Lower a block."""
    return tuple(lowered for each in body for lowered in _statement(each))


def _statement(node: ast.stmt) -> Iterable[Stmt]:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id=magics.UNKNOWN), args=[ast.Constant(value=str(name))])):
            yield nodes.Unknowable(name)
        case ast.Expr(value=value) if (magic := _magic(value, None)) is not None:
            yield from magic
        case ast.Expr(value=value):
            yield nodes.Do(expression(value))
        case ast.Assign(targets=targets, value=value):
            target = expression(targets[0])
            magic = _magic(value, target)
            if magic is not None:
                yield from magic
            else:
                yield nodes.Bind(tuple(expression(each) for each in targets), expression(value))
        case ast.AnnAssign(target=place, value=value) if value is not None:
            yield nodes.Bind((expression(place),), expression(value))
        case ast.AugAssign(target=place, value=value):
            yield nodes.Update(expression(place), expression(value))
        case ast.Delete(targets=targets):
            yield nodes.Drop(tuple(expression(each) for each in targets))
        case ast.If(test=test, body=body, orelse=orelse):
            yield nodes.Branch(expression(test), (statements(body), statements(orelse)), leaves=_leaves(node))
        case ast.For(target=place, iter=over, body=body, orelse=orelse) | ast.AsyncFor(target=place, iter=over, body=body, orelse=orelse):
            yield nodes.Loop(expression(place), expression(over), statements(body), statements(orelse))
        case ast.While(test=test, body=body, orelse=orelse):
            yield nodes.Loop(None, expression(test), statements(body), statements(orelse))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final) | ast.TryStar(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            yield nodes.Guarded(statements(body), tuple(_handler(each) for each in handlers), statements(orelse), statements(final))
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            held = tuple((expression(i.context_expr), None if i.optional_vars is None else expression(i.optional_vars)) for i in items)
            yield nodes.Within(held, statements(body))
        case ast.Match(subject=subject, cases=cases):
            arms = tuple(_case(each) for each in cases)
            yield nodes.Bind((nodes.Name("*match*"),), expression(subject))
            yield nodes.Branch(nodes.Box((nodes.Name("*match*"), *_guards(cases))), (*arms, ()), leaves=_leaves(node))
        case ast.Return(value=value):
            yield nodes.Return(EMPTY if value is None else expression(value))
        case ast.Break() | ast.Continue():
            yield nodes.Leave()
        case ast.Raise(exc=raised):
            yield nodes.Leave(None if raised is None else expression(raised))
        case ast.Assert(test=test):
            yield nodes.Do(expression(test))
        case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
            yield nodes.Define(_function(node), tuple(nodes.Call(expression(each)) for each in decorators))
        case ast.ClassDef(name=name, bases=bases, keywords=keywords, decorator_list=decorators, body=body):
            above = tuple(expression(each) for each in (*bases, *(k.value for k in keywords)))
            made = tuple(nodes.Call(expression(each)) for each in decorators)
            yield nodes.MakeClass(name, above, made, tuple(sorted(bound_names(body))), statements(body))
        case ast.Import(names=names):
            for each in names:
                symbol = each.name if each.asname else each.name.partition(".")[0]
                yield nodes.Import(each.name, symbol, each.asname or symbol)
        case ast.ImportFrom(module=module, names=names, level=level):
            whole = "." * level + (module or "")
            for each in names:
                yield nodes.Import(whole, f"{whole}.{each.name}" if whole.strip(".") else f"{whole}{each.name}", each.asname or each.name)
        case ast.Pass() | ast.Global() | ast.Nonlocal() | ast.AnnAssign():
            return
        case _:
            # A type alias evaluates nothing; what a later Python adds is not known.
            yield from () if type(node).__name__ == "TypeAlias" else (nodes.Unknowable(f"a statement {type(node).__name__}"),)


def _magic(value: ast.expr, target: Expr | None) -> tuple[Stmt, ...] | None:
    """A magic or a shell line that stands alone or whose value is assigned."""
    match value:
        case ast.Call(func=ast.Name(id=magics.SHELL), args=[ast.Constant(value=str(command))]):
            if target is None and magics.is_quiet(command):
                return ()
            return (nodes.Shell(tuple(magics.variables_in(command)), target),)
        case ast.Call(func=ast.Name(id=magics.LINE), args=[ast.Constant(value=str(name)), ast.Constant(value=str(words))]):
            return _line_magic(name, words, target)
    return None


def _line_magic(name: str, words: str, target: Expr | None) -> tuple[Stmt, ...]:
    uses = tuple(nodes.Name(each) for each in magics.variables_in(words))
    given = [word.strip("'\"") for word in re.findall(r"\"[^\"]*\"|'[^']*'|(?:\\.|\S)+", words)]
    if name == "mlsc_load":
        kept, place, skip = target, "", False
        for index, word in enumerate(given):
            if word in ("--to", "--as"):
                skip = True
                kept = nodes.Name(given[index + 1]) if word == "--to" and index + 1 < len(given) else kept
            elif skip:
                skip = False
            elif word.startswith("--to="):
                kept = nodes.Name(word.removeprefix("--to="))
            elif not word.startswith("--as"):
                place = word
        # The path is what the run records, whatever it looks like.
        load = nodes.Call(nodes.Name("*mlsc_load*"), (_magic_path(place), *uses))
        return (nodes.Do(load) if kept is None else nodes.Bind((kept,), load),)
    if name == "mlsc_save" and len(given) > 1:
        return (nodes.Do(nodes.Call(nodes.Name("*mlsc_save*"), (nodes.Name(given[0]), _magic_path(given[1]), *uses))),)
    if name in magics.HARMLESS or name in ("html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "writefile", "file"):
        return () if target is None else (nodes.Bind((target,), nodes.Op(uses)),)
    return (nodes.Unknowable(f"%{name}"),)


def _magic_path(word: str) -> Expr:
    return nodes.Op() if "{" in word or "$" in word else nodes.Text(word.replace("\\", ""))


def _handler(node: ast.ExceptHandler) -> tuple[Stmt, ...]:
    named: tuple[Stmt, ...] = () if node.name is None else (nodes.Bind((nodes.Name(node.name),), nodes.Name("*raised*")),)
    return (*named, *statements(node.body))


def _case(case: ast.match_case) -> tuple[Stmt, ...]:
    captured = sorted(bound_names([ast.Match(subject=ast.Constant(value=None), cases=[ast.match_case(case.pattern, None, [])])]))
    binds = (nodes.Bind((nodes.Name(name),), nodes.Item(nodes.Name("*match*"), EMPTY)) for name in captured)
    return (*binds, *statements(case.body))


def _guards(cases: Sequence[ast.match_case]) -> tuple[Expr, ...]:
    return tuple(expression(case.guard) for case in cases if case.guard is not None)


def _leaves(node: ast.stmt) -> bool:
    """Whether an arm may leave a loop or a function, so that what follows depends on the test."""
    waiting: list[ast.AST] = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, (ast.Break, ast.Continue, ast.Return)):
            return True
        if not isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(child for child in ast.iter_child_nodes(found) if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)))
    return False


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> nodes.Func:
    arguments = node.args
    params = tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))
    rest = tuple(stars + a.arg for stars, a in (("*", arguments.vararg), ("**", arguments.kwarg)) if a is not None)
    taken = {name.lstrip("*") for name in (*params, *rest)}
    defaults = tuple(expression(d) for d in (*arguments.defaults, *arguments.kw_defaults) if d is not None)
    if isinstance(node, ast.Lambda):
        return nodes.Func("<lambda>", params, rest, defaults, tuple(sorted(taken)), (), (nodes.Return(expression(node.body)),))
    world = declared_global(node.body)
    own = (bound_names(node.body) | taken) - world[0] - world[1]
    waits = isinstance(node, ast.AsyncFunctionDef) or _yields(node.body)
    return nodes.Func(node.name, params, rest, defaults, tuple(sorted(own)), tuple(sorted(world[0])), statements(node.body), waits)


def _yields(body: Sequence[ast.AST]) -> bool:
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def expression(node: ast.expr) -> Expr:
    """Lower an expression, or the target of an assignment."""
    match node:
        case ast.Name(id=name):
            return nodes.Name(name)
        case ast.Constant(value=str(text)):
            return nodes.Text(text) if FILE_NAME.fullmatch(text) else EMPTY
        case ast.Constant():
            return EMPTY
        case ast.Attribute(value=of, attr=name):
            return nodes.Attr(expression(of), name)
        case ast.Subscript(value=of, slice=index):
            return nodes.Item(expression(of), expression(index))
        case ast.Call():
            return _call(node)
        case ast.JoinedStr(values=values):
            return _formatted(values)
        case ast.BinOp():
            return _operation(node)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return nodes.Box(tuple(expression(each) for each in parts))
        case ast.Dict(keys=keys, values=values):
            return nodes.Box(tuple(expression(each) for each in (*keys, *values) if each is not None))
        case ast.Starred(value=value) | ast.Await(value=value):
            return expression(value)
        case ast.Yield(value=value):
            return nodes.Yield(EMPTY if value is None else expression(value))
        case ast.YieldFrom(value=value):
            return nodes.Yield(nodes.Item(expression(value), EMPTY))
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            return nodes.Let(name, expression(value))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return nodes.Pick(expression(test), (expression(body), expression(orelse)))
        case ast.BoolOp(values=values):
            return nodes.Pick(EMPTY, tuple(expression(each) for each in values))
        case ast.Lambda():
            return _function(node)
        case ast.ListComp(elt=elt, generators=steps) | ast.SetComp(elt=elt, generators=steps):
            return _comprehension((elt,), steps)
        case ast.GeneratorExp(elt=elt, generators=steps):
            return nodes.Call(nodes.Func("<genexpr>", (), (), (), (), (), (nodes.Return(_comprehension((elt,), steps)),), True))
        case ast.DictComp(key=key, value=value, generators=steps):
            return _comprehension((key, value), steps)
        case _:
            return nodes.Op(tuple(expression(each) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)))


def _comprehension(results: Iterable[ast.expr], steps: Sequence[ast.comprehension]) -> Expr:
    names = {n.id for step in steps for n in ast.walk(step.target) if isinstance(n, ast.Name)}
    lowered = tuple((expression(s.target), expression(s.iter), tuple(expression(i) for i in s.ifs)) for s in steps)
    return nodes.Comp(lowered, tuple(expression(each) for each in results), tuple(sorted(names)))


def _operation(node: ast.BinOp) -> Expr:
    parts = _chain(node, type(node.op))
    if isinstance(node.op, (ast.Div, ast.Add)) and any(_text(part) is not None for part in parts):
        return nodes.Glue(tuple(_piece(part) for part in parts), joined=isinstance(node.op, ast.Div))
    return nodes.Op(tuple(expression(part) for part in parts))


def _chain(node: ast.BinOp, kind: type[ast.operator]) -> list[ast.expr]:
    """``a + b + c`` as three parts: a sum may be longer than the interpreter's stack is deep."""
    parts: list[ast.expr] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp) and isinstance(left.op, kind):
        parts.append(left.right)
        left = left.left
    return [left, *reversed(parts)]


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _piece(node: ast.expr) -> Expr:
    """A part of a file's name; a literal that cannot be one stands as any text."""
    text = _text(node)
    if text is None:
        return expression(node)
    return nodes.Text(text) if FILE_NAME.fullmatch(text) or _PATH_PART.fullmatch(text) else nodes.Op()


def _formatted(values: Sequence[ast.expr]) -> Expr:
    parts: list[Expr] = []
    for each in values:
        if isinstance(each, ast.FormattedValue):
            parts.append(expression(each.value))
            if each.format_spec is not None:
                parts.append(nodes.Op((expression(each.format_spec),)))
        else:
            parts.append(_piece(each))
    last = _text(values[-1]) if values else None
    if last is not None and re.fullmatch(r"[\w\-./\\ ]*\.[A-Za-z]\w{0,9}", last):
        return nodes.Glue(tuple(parts))
    return nodes.Op(tuple(part for part in parts if not isinstance(part, nodes.Text)))


def _call(node: ast.Call) -> Expr:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    names_files = bool(_PATH_CALLS.match(name))
    flags: list[str] = []
    keywords: list[tuple[str, Expr]] = []
    for keyword in node.keywords:
        value = keyword.value
        if keyword.arg == "mode" and (text := _text(value)) is not None and _MODES.fullmatch(text):
            flags.append(f"mode:{text}")
        elif keyword.arg is not None and not (isinstance(value, ast.Constant) and value.value in (False, None)):
            flags.append(keyword.arg)
        if keyword.arg in ("copy", "deep") and not (isinstance(value, ast.Constant) and value.value is True):
            flags.append("shallow")
        keywords.append((keyword.arg or "**", _argument(value, names_files and keyword.arg in PATH_KEYWORDS)))
    if len(node.args) > (0 if isinstance(node.func, ast.Attribute) else 1):
        for each in node.args[:2]:
            if (text := _text(each)) is not None and _MODES.fullmatch(text):
                flags.append(f"mode:{text}")
    spread = any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords)
    # The file is told first, or after the value; what follows may be a password.
    args = tuple(_argument(each, names_files and (place < 2 or name.endswith(("path", "join")))) for place, each in enumerate(node.args))
    return nodes.Call(expression(node.func), args, tuple(keywords), tuple(flags), _words(name, node), spread)


def _argument(node: ast.expr, names_files: bool) -> Expr:
    text = _text(node)
    if text is not None and names_files and _PATH_PART.fullmatch(text) and not _MODES.fullmatch(text) and " " not in text:
        return nodes.Text(text)
    return expression(node)


def _words(name: str, node: ast.Call) -> tuple[str, ...]:
    """Names that may be variables in a query: those outside quotes; pandas marks its own with ``@``. ``*`` where the query is no literal."""
    if name not in _QUERIES:
        return ()
    given = [*node.args, *(k.value for k in node.keywords if k.arg in ("query", "sql", "expr"))]
    texts = [text for each in given for part in _texts(each) if (text := _text(part)) is not None]
    if not texts or any(not isinstance(each, (ast.Constant, ast.JoinedStr)) for each in given[:1]):
        return ("*",)
    bare = re.sub(r"'[^']*'", " ", " ".join(texts))
    found = re.findall(r"@([A-Za-z_]\w*)", bare) or re.findall(r"[A-Za-z_]\w*", bare)
    words = list(dict.fromkeys(found))
    return tuple(words) if len(words) <= _MOST_WORDS else ("*",)


def _texts(node: ast.expr) -> list[ast.expr]:
    return list(node.values) if isinstance(node, ast.JoinedStr) else [node]
