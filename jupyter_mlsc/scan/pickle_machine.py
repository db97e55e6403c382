"""A symbolic pickle machine: it walks every opcode as an unpickler would, and makes nothing of what they name.

Rules kept: what is judged is what each opcode would do (which global, called or changed by what), by the allowlist that the guard uses; strings are
followed through the memo and the stack, and a name that cannot be followed is a finding; where an unpickler would stop, the walk may go on, never the
other way round; nothing is imported. Source of the format: CPython's Lib/pickletools.py and Lib/pickle.py.
"""

from __future__ import annotations

import codecs
import pickle
import re
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from jupyter_mlsc.scan import allowlist
from jupyter_mlsc.scan.finding import LimitReachedError, NotUnderstoodError
from jupyter_mlsc.scan.known_dangers import runs_code
from jupyter_mlsc.scan.pickle_values import MARK, OPAQUE, Called, Container, Global, array_layout, described

KEPT_TEXT = 4096
"""Bytes of a text or byte string that is kept; longer ones are no names."""
_SKIPPED_FROM = 64 * 1024
_LONGEST_LINE = 1 << 20
_MOST_VALUES = 50_000_000
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_GETATTR = ("builtins", "getattr")
_STORAGE_KINDS = "BFloat16 Bool Byte Char ComplexDouble ComplexFloat Double Float Half Int Long QInt32 QInt8 QUInt2x4 QUInt4x2 QUInt8 Short Typed Untyped"
_STORAGES = frozenset(f"{kind}Storage" for kind in _STORAGE_KINDS.split())
_STORAGE_MODULES = frozenset({"torch", "torch.cuda", "torch.storage"})
_TORCHSCRIPT_CLASSES = "__torch__"
_TORCHSCRIPT_NAMES = frozenset(
    f"torch.jit._pickle.{name}"
    for name in ("build_boollist", "build_doublelist", "build_intlist", "build_tensor_from_id", "build_tensorlist", "restore_type_tag")
)
"""What TorchScript's own pickles name, which its own reader looks up in C++."""
_HANDS_ON = (Global, tuple)
"""What `PickleMachine._not_handed_on` has to look at."""
_JOBLIB_WRAPPERS = frozenset({"joblib.numpy_pickle.NumpyArrayWrapper"})


class Suspicion(NamedTuple):
    """What the machine objects to: a code of the table, its facts, the offset of the opcode; ``called`` where it would be called or changed."""

    code: str
    facts: tuple[tuple[str, str], ...]
    offset: int | None


class PickleMachine:
    """Walks one pickle after the other from a stream. ``suspicions`` are kept, each once, also where a walk ends with an error."""

    def __init__(
        self,
        stream: BinaryIO,
        allow: frozenset[str] = frozenset(),
        size: int = -1,
        torchscript: bool = False,
        tentative: bool = False,
        spend: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.stream, self.allow, self.spend = stream, allow, spend
        self.size = size
        """Bytes of the stream; -1 where they are not known and the stream cannot be moved in."""
        self.torchscript = torchscript
        """The pickle lies in a TorchScript archive, which defines the classes of `__torch__` itself."""
        self.tentative = tentative
        """Nothing says that these bytes are a pickle."""
        self.suspicions: dict[tuple[str, tuple[tuple[str, str], ...]], Suspicion] = {}
        self.globals_seen = 0
        self.named = 0
        """Names among them that have the shape of one."""
        self.calls_suspected = 0
        """Calls and changes of what is not allowed."""
        self.arrays = 0
        """Arrays of joblib's that were stepped over."""
        self.nested = 0
        self.finished = 0
        """Pickles that were walked to their end mark."""

    def walk(self) -> None:
        """Walk one pickle to its STOP. Raises NotUnderstoodError, LimitReachedError."""
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        read, table, count = self.stream.read, _TABLE, 0
        while True:
            code = read(1)
            if not code:
                raise NotUnderstoodError("a pickle ends before its end mark")
            step = table[code[0]]
            if step is None:
                raise NotUnderstoodError(f"a pickle has the unknown opcode 0x{code[0]:02x}{self._at()}")
            count += 1
            if count & 0xFFFF == 0:
                self.spend(0x10000)
                if len(self._stack) + len(self._memo) > _MOST_VALUES:
                    raise LimitReachedError("a pickle keeps too many values")
            try:
                if step(self):
                    break
            except IndexError as err:
                raise NotUnderstoodError(f"a pickle takes a value that is not there{self._at()}") from err
            except UnicodeDecodeError as err:
                raise NotUnderstoodError(f"a pickle has a text that is none{self._at()}") from err
        self.spend(count & 0xFFFF)
        self.finished += 1
        self._stack, self._memo = [], {}

    def _at(self) -> str:
        offset = self.offset()
        return "" if offset is None else f" before offset {offset}"

    def offset(self) -> int | None:
        """Where the stream stands; None where it cannot tell."""
        return self.stream.tell() if self.size >= 0 else None

    def _suspect(self, code: str, **facts: object) -> None:
        told = tuple((name, str(fact)) for name, fact in facts.items())
        self.suspicions.setdefault((code, told), Suspicion(code, told, self.offset()))

    # What the opcodes read.

    def _exactly(self, length: int) -> bytes:
        data = self.stream.read(length)
        if len(data) != length:
            raise NotUnderstoodError("a pickle ends within a value")
        return data

    def _byte(self) -> int:
        data = self.stream.read(1)
        if not data:
            raise NotUnderstoodError("a pickle ends within a value")
        return data[0]

    def _number(self, width: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._exactly(width), "little", signed=signed)

    def _line(self) -> bytes:
        line = self.stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise NotUnderstoodError("a pickle ends within a line")
        return line[:-1]

    def _payload(self, length: int) -> bytes | None:
        """So many bytes; None where they are too many to be a name. Raises NotUnderstoodError where there are fewer."""
        if length <= KEPT_TEXT:
            return self._exactly(length)
        self.skip(length)
        return None

    def skip(self, length: int) -> None:
        """Step over bytes. Raises NotUnderstoodError where there are fewer."""
        if self.size >= 0 and length > _SKIPPED_FROM:
            if self.stream.tell() + length > self.size:
                raise NotUnderstoodError("a pickle ends within a value")
            self.stream.seek(length, 1)
            return
        while length > 0:
            part = self.stream.read(min(length, 1 << 20))
            if not part:
                raise NotUnderstoodError("a pickle ends within a value")
            length -= len(part)

    # What they do.

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def take(self) -> object:
        """The newest value, off the stack. Raises NotUnderstoodError where a mark stands there: no unpickler goes past it."""
        value = self._stack.pop()
        if value is MARK:
            raise NotUnderstoodError(f"a pickle takes a value that is not there{self._at()}")
        return value

    def top(self) -> object:
        """The newest value. Raises NotUnderstoodError as `take` does."""
        value = self._stack[-1]
        if value is MARK:
            raise NotUnderstoodError(f"a pickle takes a value that is not there{self._at()}")
        return value

    def _to_mark(self) -> list[object]:
        stack = self._stack
        for at in range(len(stack) - 1, -1, -1):
            if stack[at] is MARK:
                items = stack[at + 1 :]
                del stack[at:]
                return items
        raise NotUnderstoodError(f"a pickle has no mark where one is needed{self._at()}")

    def resolve(self, module: object, name: object) -> Global:
        """What a name on the stack or in the stream stands for; a suspicion where no list allows it."""
        self.globals_seen += 1
        if type(module) is not str or type(name) is not str:
            self._suspect("pickle-computed")
            return Global("?", "?")
        self.named += _DOTTED.fullmatch(f"{module}.{name}") is not None
        if allowlist.canonical(module, name) == _GETATTR and not allowlist.is_allowed(module, name, self.allow):
            return Global(module, name, deferred=True)
        if module in _STORAGE_MODULES and name in _STORAGES:
            return Global(module, name, storage=True)
        found = Global(module, name)
        if not self._is_allowed(module, name):
            self._suspect("pickle-code" if runs_code(module, name) else "pickle-unlisted", global_name=found)
        return found

    def _is_allowed(self, module: str, name: str) -> bool:
        if self.torchscript and (module.partition(".")[0] == _TORCHSCRIPT_CLASSES or f"{module}.{name}" in _TORCHSCRIPT_NAMES):
            return True
        return allowlist.is_allowed(module, name, self.allow) or allowlist.is_allowed_if_checked(module, name)

    def call(self, callee: object, arguments: object) -> object:
        """What calling something gives; a suspicion where the file made it itself."""
        if not isinstance(callee, Global):
            self._suspect("pickle-built-call", what=described(callee))
            self.calls_suspected += 1
        elif callee.deferred:
            return self._attribute(callee, arguments)
        elif callee.storage and not self._is_allowed(callee.module, callee.name):
            self._suspect("pickle-unlisted", global_name=callee)
            self.calls_suspected += 1
        elif not self._is_allowed(callee.module, callee.name):
            self.calls_suspected += 1
        self._not_handed_on(arguments)
        return Called(callee, arguments)

    def _attribute(self, callee: Global, arguments: object) -> object:
        """What ``getattr`` gives: one of the few attributes that honest pickles ask for, or a suspicion."""
        if isinstance(arguments, tuple) and len(arguments) == 2 and isinstance(arguments[0], Global) and isinstance(arguments[1], str):
            owner = ".".join(allowlist.canonical(arguments[0].module, arguments[0].name))
            if (owner, arguments[1]) in allowlist.ATTRIBUTES:
                return Global(arguments[0].module, arguments[0].name)
            what = f"getattr({owner}, {arguments[1]!r})"
        else:
            what = str(callee)
        self._suspect("pickle-code", global_name=what)
        self.calls_suspected += 1
        return OPAQUE

    def _not_handed_on(self, value: object) -> None:
        """``getattr`` is for calling at once; whoever else gets it could call it with anything."""
        waiting, seen = [value], 0
        while waiting and seen < 1000:
            part = waiting.pop()
            seen += 1
            if isinstance(part, Global) and part.deferred:
                self._suspect("pickle-code", global_name=part)
                self.calls_suspected += 1
                return
            if isinstance(part, tuple):
                waiting += part[:1000]

    def change(self, target: object, state: object) -> None:
        """What BUILD does: a suspicion where what is changed was named, not made."""
        if isinstance(target, Global):
            self._suspect("pickle-changes", what=described(target))
            self.calls_suspected += 1
        elif isinstance(target, Called):
            target.state = state
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, Container) and "__setstate__" in part.items:
                self._suspect("pickle-changes", what="the way in which an object takes its state")
                self.calls_suspected += 1
        self._not_handed_on(state)

    def hold(self, holder: object) -> None:
        """What APPEND, SETITEM and ADD do: a suspicion where what holds was named, not made."""
        if isinstance(holder, Global):
            self._suspect("pickle-changes", what=described(holder))
            self.calls_suspected += 1

    def array_follows(self) -> None:
        """Step over the bytes of an array, or walk the pickle of its objects, behind a placeholder of joblib's."""
        wrapper = self._stack[-1]
        if not isinstance(wrapper, Called) or str(wrapper.callee) not in _JOBLIB_WRAPPERS:
            return
        length, padded = array_layout(wrapper)
        self.arrays += 1
        if length is None:
            self._walk_inner()
            return
        if padded:
            self.skip(self._number(1))
        self.skip(length)

    def _walk_inner(self) -> None:
        if self.nested >= 50:
            raise LimitReachedError("arrays of objects are nested more than 50 deep")
        stack, memo = self._stack, self._memo
        self.nested += 1
        try:
            self.walk()
        finally:
            self.nested -= 1
            self._stack, self._memo = stack, memo


def is_opcode(byte: int) -> bool:
    """Whether a pickle can begin with this byte."""
    return _TABLE[byte] is not None


Step = Callable[[PickleMachine], bool | None]
_TABLE: list[Step | None] = [None] * 256


def _on(*opcodes: bytes) -> Callable[[Step], Step]:
    def put(step: Step) -> Step:
        for opcode in opcodes:
            _TABLE[opcode[0]] = step
        return step

    return put


def _pushing(opcode: bytes, value: Callable[[PickleMachine], object]) -> None:
    def step(m: PickleMachine) -> None:
        m._stack.append(value(m))

    _TABLE[opcode[0]] = step


def _text(data: bytes | None, encoding: str) -> object:
    return OPAQUE if data is None else data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")


def _quoted(line: bytes) -> object:
    if len(line) >= 2 and line[:1] == line[-1:] and line[:1] in b"\"'":
        try:
            return codecs.escape_decode(line[1:-1])[0].decode("latin-1")  # as pickle does it
        except ValueError:
            return OPAQUE
    return OPAQUE


def _integer(line: bytes) -> object:
    try:
        return int(line.rstrip(b"L") or b"0", 0) if len(line) < 40 else OPAQUE
    except ValueError:
        return OPAQUE


def _long(m: PickleMachine, length: int) -> object:
    data = m._payload(max(length, 0))
    return OPAQUE if data is None or len(data) > 16 else int.from_bytes(data, "little", signed=True)


def _got(m: PickleMachine, index: object) -> object:
    if not isinstance(index, int) or index not in m._memo:
        raise NotUnderstoodError(f"a pickle asks for what it has not remembered{m._at()}")
    return m._memo[index]


def _remember(m: PickleMachine, index: object) -> None:
    if isinstance(index, int):
        m._memo[index] = m.top()


def _persistent(m: PickleMachine, value: object) -> object:
    """What stands for a persistent id: who reads a pickle that nobody announced has no way to look one up, and stops."""
    if m.tentative:
        raise NotUnderstoodError("a pickle refers to what is not in it")
    m._not_handed_on(value)
    # torch before 1.6 names the class of a module so, beside its source; the class was judged when it was named.
    if isinstance(value, tuple) and len(value) > 1 and value[0] == "module" and isinstance(value[1], Global):
        return value[1]
    return OPAQUE


for _opcode, _value in {
    pickle.NONE: lambda m: None,
    pickle.NEWTRUE: lambda m: True,
    pickle.NEWFALSE: lambda m: False,
    pickle.INT: lambda m: _integer(m._line()),
    pickle.LONG: lambda m: _integer(m._line()),
    pickle.BININT: lambda m: m._number(4, signed=True),
    pickle.BININT2: lambda m: m._number(2),
    pickle.LONG1: lambda m: _long(m, m._byte()),
    pickle.LONG4: lambda m: _long(m, m._number(4, signed=True)),
    pickle.FLOAT: lambda m: m._line() and OPAQUE,
    pickle.BINFLOAT: lambda m: m._exactly(8) and OPAQUE,
    pickle.STRING: lambda m: _quoted(m._line()),
    pickle.BINSTRING: lambda m: _text(m._payload(max(m._number(4, signed=True), 0)), "latin-1"),
    pickle.SHORT_BINSTRING: lambda m: _text(m._exactly(m._byte()), "latin-1"),
    pickle.UNICODE: lambda m: _text(m._line(), "raw-unicode-escape"),
    pickle.BINUNICODE: lambda m: _text(m._payload(m._number(4)), "utf-8"),
    pickle.BINUNICODE8: lambda m: _text(m._payload(m._number(8)), "utf-8"),
    pickle.BINBYTES: lambda m: m._payload(m._number(4)),
    pickle.SHORT_BINBYTES: lambda m: m._exactly(m._byte()),
    pickle.BINBYTES8: lambda m: m._payload(m._number(8)),
    pickle.BYTEARRAY8: lambda m: m._payload(m._number(8)),
    pickle.NEXT_BUFFER: lambda m: OPAQUE,
    pickle.EMPTY_TUPLE: lambda m: (),
    pickle.EMPTY_LIST: lambda m: Container("list"),
    pickle.EMPTY_DICT: lambda m: Container("dict"),
    pickle.EMPTY_SET: lambda m: Container("set"),
    pickle.MARK: lambda m: MARK,
    pickle.DUP: lambda m: m.top(),
    pickle.GET: lambda m: _got(m, _integer(m._line())),
    pickle.BINGET: lambda m: _got(m, m._byte()),
    pickle.LONG_BINGET: lambda m: _got(m, m._number(4)),
    pickle.PERSID: lambda m: _persistent(m, m._line()),
}.items():
    _pushing(_opcode, _value)


# Most of a typical pickle is small numbers, short texts and what remembers them: each of these is one step, without a call in a call.


@_on(pickle.BININT1)
def _small_number(m: PickleMachine) -> None:
    data = m.stream.read(1)
    if not data:
        raise NotUnderstoodError("a pickle ends within a value")
    m._stack.append(data[0])


@_on(pickle.SHORT_BINUNICODE)
def _short_text(m: PickleMachine) -> None:
    read = m.stream.read
    length = read(1)
    data = read(length[0]) if length else b""
    if not length or len(data) != length[0]:
        raise NotUnderstoodError("a pickle ends within a value")
    m._stack.append(data.decode("utf-8", "surrogatepass"))


@_on(pickle.MEMOIZE)
def _memoize(m: PickleMachine) -> None:
    value = m._stack[-1]
    if value is MARK:
        m.top()
    m._memo[len(m._memo)] = value


@_on(pickle.PROTO)
def _proto(m: PickleMachine) -> None:
    if m._byte() > pickle.HIGHEST_PROTOCOL:
        raise NotUnderstoodError("a pickle has an unknown protocol")


@_on(pickle.FRAME)
def _frame(m: PickleMachine) -> None:
    m._number(8)


@_on(pickle.STOP)
def _stop(m: PickleMachine) -> bool:
    return True


@_on(pickle.POP)
def _pop(m: PickleMachine) -> None:
    m._stack.pop()  # a mark, too


@_on(pickle.POP_MARK)
def _pop_mark(m: PickleMachine) -> None:
    m._to_mark()


@_on(pickle.READONLY_BUFFER)
def _read_only(m: PickleMachine) -> None:
    m._stack[-1]  # it must be there


@_on(pickle.PUT)
def _put(m: PickleMachine) -> None:
    _remember(m, _integer(m._line()))


@_on(pickle.BINPUT)
def _binput(m: PickleMachine) -> None:
    m._memo[m._byte()] = m.top()


@_on(pickle.LONG_BINPUT)
def _long_binput(m: PickleMachine) -> None:
    m._memo[m._number(4)] = m.top()


@_on(pickle.BINPERSID)
def _binpersid(m: PickleMachine) -> None:
    m._stack[-1] = _persistent(m, m.top())


@_on(pickle.GLOBAL)
def _global(m: PickleMachine) -> None:
    module, name = m._line().decode("utf-8", "replace"), m._line().decode("utf-8", "replace")
    m.push(m.resolve(module, name))


@_on(pickle.STACK_GLOBAL)
def _stack_global(m: PickleMachine) -> None:
    name, module = m.take(), m.take()
    m.push(m.resolve(module, name))


@_on(pickle.INST)
def _inst(m: PickleMachine) -> None:
    module, name = m._line().decode("utf-8", "replace"), m._line().decode("utf-8", "replace")
    arguments = tuple(m._to_mark())
    m.push(m.call(m.resolve(module, name), arguments))


@_on(pickle.OBJ)
def _obj(m: PickleMachine) -> None:
    callee, *arguments = m._to_mark() or [OPAQUE]
    m.push(m.call(callee, tuple(arguments)))


@_on(pickle.REDUCE, pickle.NEWOBJ)
def _reduce(m: PickleMachine) -> None:
    arguments = m.take()
    m._stack[-1] = m.call(m.top(), arguments)


@_on(pickle.NEWOBJ_EX)
def _newobj_ex(m: PickleMachine) -> None:
    keywords, arguments = m.take(), m.take()
    m._not_handed_on(keywords)
    m._stack[-1] = m.call(m.top(), arguments)


@_on(pickle.BUILD)
def _build(m: PickleMachine) -> None:
    state = m.take()
    m.change(m.top(), state)
    m.array_follows()


@_on(pickle.EXT1)
def _ext1(m: PickleMachine) -> None:
    _extension(m, m._byte())


@_on(pickle.EXT2)
def _ext2(m: PickleMachine) -> None:
    _extension(m, m._number(2))


@_on(pickle.EXT4)
def _ext4(m: PickleMachine) -> None:
    _extension(m, m._number(4, signed=True))


def _extension(m: PickleMachine, code: int) -> None:
    m.globals_seen += 1
    m._suspect("pickle-extension", number=code)
    m.push(Global("copyreg", f"extension {code}"))


@_on(pickle.TUPLE)
def _tuple(m: PickleMachine) -> None:
    m.push(tuple(m._to_mark()))


@_on(pickle.TUPLE1)
def _tuple1(m: PickleMachine) -> None:
    m._stack[-1] = (m.top(),)


@_on(pickle.TUPLE2)
def _tuple2(m: PickleMachine) -> None:
    second = m.take()
    m._stack[-1] = (m.top(), second)


@_on(pickle.TUPLE3)
def _tuple3(m: PickleMachine) -> None:
    third, second = m.take(), m.take()
    m._stack[-1] = (m.top(), second, third)


@_on(pickle.LIST, pickle.FROZENSET)
def _list(m: PickleMachine) -> None:
    m._not_handed_on(tuple(m._to_mark()))
    m.push(Container("list"))


@_on(pickle.DICT)
def _dict(m: PickleMachine) -> None:
    made = Container("dict")
    _put_items(m, made, m._to_mark())
    m.push(made)


@_on(pickle.APPEND)
def _append(m: PickleMachine) -> None:
    m._not_handed_on(m.take())
    m.hold(m.top())


@_on(pickle.APPENDS, pickle.ADDITEMS)
def _appends(m: PickleMachine) -> None:
    for item in m._to_mark():
        if item.__class__ in _HANDS_ON:
            m._not_handed_on(item)
    m.hold(m.top())


@_on(pickle.SETITEM)
def _setitem(m: PickleMachine) -> None:
    value, key = m.take(), m.take()
    _put_items(m, m.top(), [key, value])


@_on(pickle.SETITEMS)
def _setitems(m: PickleMachine) -> None:
    items = m._to_mark()
    _put_items(m, m.top(), items)


def _put_items(m: PickleMachine, holder: object, items: list[object]) -> None:
    m.hold(holder)
    for at in range(0, len(items) - 1, 2):
        if isinstance(holder, Container):
            holder.put(items[at], items[at + 1])
        if items[at].__class__ in _HANDS_ON or items[at + 1].__class__ in _HANDS_ON:
            m._not_handed_on((items[at], items[at + 1]))
