"""The supervisor's desk, asked by a hostile tree: lies, half sentences and floods change nothing but what they say about themselves."""

from __future__ import annotations

import base64
import json
import socket
import struct
import subprocess
import sys
import textwrap

import pytest

from jupyter_mlsc import inside, wire
from jupyter_mlsc.errors import KeyUnavailableError, UsageError
from jupyter_mlsc.sandbox.desk import Messages, require_read_only
from tests.conftest import CSV, Person

PRELUDE = """
import errno, fcntl, json, os, socket, struct, sys, threading
from jupyter_mlsc import inside, wire
from jupyter_mlsc.errors import *
def dial():
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.connect(wire.ADDRESS)
    channel.settimeout(60)
    return channel
def says(data):
    with dial() as channel:
        try:
            channel.sendall(data)
            channel.shutdown(socket.SHUT_WR)
            return channel.recv(100)
        except (ConnectionResetError, BrokenPipeError):
            return b''  # it was closed before all was said
def framed(data): return struct.pack('!I', len(data)) + data
def opens(path):
    try:
        with open(path) as file: return len(file.read()) > 0
    except OSError as err: return errno.errorcode[err.errno]
"""


def inside_of(person: Person, program: str) -> subprocess.CompletedProcess[str]:
    return person.mlsc("exec", "--", sys.executable, "-c", PRELUDE + textwrap.dedent(program))


@pytest.fixture
def two(signed_dataset: Person) -> Person:
    """A signed data set, and one that nobody signed."""
    signed_dataset.write("data/unsigned.csv", CSV + "7,7\n")
    return signed_dataset


def log_of(person: Person) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(person.mlsc("log", "show", "--json").stdout)
    return found


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("framed(b'{}')", id="no tag"),
        pytest.param("framed(b'not json')", id="not JSON"),
        pytest.param("framed(b'[' * 1000000)", id="nested for ever"),
        pytest.param('framed(b\'{"type":"Sign","path":""}\')', id="an unknown question"),
        pytest.param('framed(b\'{"type":"CellBegins","code":"sha256:short"}\')', id="a digest that is none"),
        pytest.param('framed(b\'{"type":"CellBegins","notebook":"\' + b"n" * 5000 + b\'"}\')', id="a name without end"),
        pytest.param("struct.pack('!I', 2 ** 32 - 1) + b'{'", id="four gigabytes announced"),
        pytest.param("struct.pack('!I', 100) + b'{'", id="half a sentence"),
        pytest.param("b''", id="nothing"),
    ],
)
def test_what_is_no_question_gets_no_answer_and_stops_nothing(two: Person, sent: str) -> None:
    done = inside_of(
        two,
        f"""
        print(repr(says({sent})))
        print(opens('data/train.csv'), opens('data/unsigned.csv'))
        print(inside.ask(wire.AskStatus(), wire.Facts).document['mode'])
        """,
    )
    assert done.stdout == "b''\nTrue EACCES\nenforce\n", done.stderr


def test_silent_connections_use_up_the_desk_and_nothing_else(two: Person) -> None:
    done = inside_of(
        two,
        """
        held = []
        try:
            while len(held) < 500:
                held.append(dial())
        except ConnectionRefusedError:
            print('refused at last')
        print(opens('data/train.csv'), opens('data/unsigned.csv'))
        for each in held:
            each.close()
        while True:
            try:
                inside.ask(wire.AskRules(), wire.Rules)
                break
            except SupervisionError:
                pass
        print('served again')
        """,
    )
    assert done.stdout == "refused at last\nTrue EACCES\nserved again\n", done.stderr


def test_opens_are_answered_while_the_desk_is_flooded(two: Person) -> None:
    done = inside_of(
        two,
        """
        stop = threading.Event()
        asked = []
        def flood():
            while not stop.is_set():
                try:
                    inside.ask(wire.AskVerify((b'data',)), wire.Judged)
                    asked.append(1)
                except SupervisionError:
                    pass
        threads = [threading.Thread(target=flood) for _ in range(20)]
        for each in threads: each.start()
        print({opens('data/train.csv') for _ in range(200)}, {opens('data/unsigned.csv') for _ in range(200)})
        stop.set()
        for each in threads: each.join()
        print(len(asked) > 0)
        """,
    )
    assert done.stdout == "{True} {'EACCES'}\nTrue\n", done.stderr


def test_lies_about_cells_are_attribution_and_marked_as_the_kernels_word(two: Person) -> None:
    done = inside_of(
        two,
        """
        inside.ask(wire.CellBegins('../../somebody/else.ipynb', 'lie', 7, 'sha256:' + '0' * 64), wire.Fine)
        print(opens('data/train.csv'), opens('data/unsigned.csv'))
        """,
    )
    assert done.stdout == "True EACCES\n", done.stderr
    reads = [entry for entry in log_of(two) if entry["kind"] == "read"]
    assert [(entry["path"], entry["verdict"], entry["cell_id"], entry["tier"]) for entry in reads] == [
        ("data/train.csv", "allow", "lie", "supervised"),
        ("data/unsigned.csv", "block", "lie", "supervised"),
    ]
    ledger = two.project.books.ledger
    assert ledger is not None
    statements = [json.loads(ledger.envelope(entry.envelope)) for entry in ledger.entries() if entry.kind == "read"]
    assert all(b'"cellFrom":"kernel"' in base64.b64decode(each["payload"]).replace(b" ", b"") for each in statements)


def test_saying_that_something_was_written_makes_nothing_ones_own(two: Person) -> None:
    two.write("models/stranger/config.json", '{"model_type": "bert"}')
    two.write("models/stranger/vocab.txt", "a\nb\n")
    done = inside_of(
        two,
        """
        for path in (b'data/unsigned.csv', b'models/stranger'):
            inside.ask(wire.AskWritten(path), wire.Written)
        print(opens('data/unsigned.csv'), opens('models/stranger/config.json'), opens('models/stranger/vocab.txt'))
        """,
    )
    assert done.stdout == "EACCES EACCES EACCES\n", done.stderr


def test_nothing_inside_can_vouch(two: Person) -> None:
    done = inside_of(
        two,
        """
        import jupyter_mlsc
        for attempt in (lambda: jupyter_mlsc.sign('data/unsigned.csv'), lambda: inside.command(['sign', 'data/unsigned.csv']),
                        lambda: inside.command(['policy', 'trust', '--yes']), lambda: inside.command(['keys', 'new', 'mine'])):
            try:
                attempt()
            except KeyUnavailableError as err:
                print(err.next_step)
        """,
    )
    assert done.stdout == (
        "sign it from a terminal or the panel: mlsc sign data/unsigned.csv\nsign it from a terminal or the panel, outside\n"
        + "run it on a terminal outside\n" * 2
    ), done.stderr
    assert two.verify("data/unsigned.csv").allowed is False


@pytest.mark.parametrize("path", ["mlsc/keys", "../home-ada/mlsc", "link-to-keys"])
def test_what_is_hidden_is_not_told_of_either(two: Person, path: str) -> None:
    (two.root / "link-to-keys").symlink_to(two.home / "mlsc")
    named = path if path.startswith(("..", "link")) else str(two.home / path)
    done = inside_of(two, f"""
        for attempt in (lambda: inside.command(['verify', {named!r}]), lambda: inside.ask(wire.AskVerify((os.fsencode({named!r}),)), wire.Judged),
                        lambda: inside.ask(wire.AskLineage(os.fsencode({named!r})), wire.Lineage),
                        lambda: inside.ask(wire.AskImpact(os.fsencode({named!r})), wire.Impacts)):
            try:
                print(attempt())
            except ArtifactError as err:
                print('hidden' in err.message)
    """)  # fmt: skip
    assert done.stdout == "True\n" * 4, done.stderr


@pytest.mark.parametrize("arguments", [["verify", "data/train.csv"], ["verify", "data"], ["status"], ["lineage", "data/train.csv"],
                                       ["impact", "data/train.csv"], ["log", "verify"],
                                       ["verify", "--json"], ["--json", "lineage", "data/train.csv"], ["verify", "missing.csv"],
                                       ["policy", "explain", "data/unsigned.csv"], ["log", "checkpoint"]])  # fmt: skip
def test_a_command_inside_prints_and_exits_as_outside(two: Person, arguments: list[str]) -> None:
    inner = two.mlsc("exec", "--", sys.executable, "-m", "jupyter_mlsc.cli", *arguments)
    outer = two.mlsc(*arguments)
    assert (inner.returncode, inner.stdout, inner.stderr) == (outer.returncode, outer.stdout, outer.stderr)


def test_a_command_inside_takes_its_paths_from_the_folder_that_it_is_run_in(two: Person) -> None:
    done = inside_of(two, "os.chdir('data'); print(inside.command(['verify', 'train.csv']).out.decode()); print(inside.command(['verify', 'x.csv']).code)")
    assert done.stdout.startswith("✓ data/train.csv: allowed"), done.stderr
    assert done.stdout.endswith("\n3\n")


def test_the_socket_is_answered_as_the_kernel_would(two: Person) -> None:
    done = inside_of(
        two,
        """
        def fails(descriptor, address=wire.ADDRESS):
            import ctypes
            sun = struct.pack('H', socket.AF_UNIX) + address
            ctypes.set_errno(0)
            libc = ctypes.CDLL(None, use_errno=True)
            return libc.connect(descriptor, sun, len(sun)) and errno.errorcode[ctypes.get_errno()]
        print(fails(999), fails(os.open('/dev/null', os.O_RDONLY)))
        channel = socket.socket(socket.AF_UNIX)
        print(fails(channel.fileno(), wire.ADDRESS + b'x'), fails(channel.fileno(), wire.ADDRESS[:-1]))
        for blocking, kept in ((True, True), (False, False)):
            channel = socket.socket(socket.AF_UNIX)
            channel.setblocking(blocking)
            os.set_inheritable(channel.fileno(), not kept)
            channel.connect(wire.ADDRESS)
            print(bool(fcntl.fcntl(channel, fcntl.F_GETFL) & os.O_NONBLOCK), bool(fcntl.fcntl(channel, fcntl.F_GETFD) & fcntl.FD_CLOEXEC))
        """,
    )
    assert done.stdout == "EBADF ENOTSOCK\nECONNREFUSED ECONNREFUSED\nFalse True\nTrue False\n", done.stderr


def test_supervision_inside_supervision_is_the_outer_one(two: Person) -> None:
    command = [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", "import os; print(os.getppid())"]
    done = inside_of(two, f"import subprocess; print(os.getpid()); subprocess.run({command!r})\nprint(opens('data/unsigned.csv'))")
    own, parent, refused = done.stdout.split() if done.stdout.count("\n") == 3 else pytest.fail(done.stderr)
    assert (own, refused) == (parent, "EACCES")


# outside


def test_the_variable_alone_makes_nobody_supervised(two: Person) -> None:
    environ = {**two.environ, wire.VARIABLE: "1"}
    assert not inside.is_supervised(environ)
    assert two.mlsc("verify", "data/unsigned.csv", environ=environ).returncode == 1


def test_somebody_who_listens_at_the_supervisors_address_is_not_asked(two: Person) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.bind(wire.ADDRESS)
        stranger.listen()
        stranger.settimeout(60)
        program = [sys.executable, "-c", "import sys\nfrom jupyter_mlsc import inside\nprint(inside.is_supervised({'MLSC_SUPERVISED': '1'}))"]
        # An orphan: this process is no ancestor of it.
        orphan = f"import os, subprocess\nparent = os.getpid()\nif os.fork() == 0:\n    while os.getppid() == parent: pass\n    subprocess.run({program!r})\n"
        launched = subprocess.Popen([sys.executable, "-c", orphan], env=two.environ, stdout=subprocess.PIPE, text=True)
        out, _ = launched.communicate(timeout=60)
        asked, _ = stranger.accept()
        asked.close()
    assert out == "False\n"


READING = [
    "verify",
    "verify x",
    "--json status",
    "lineage --depth 3 x",
    "lineage --format=dot x",
    "impact --depth=3 --json x",
    "impact --format mermaid x",
    "log show --limit=5",
    "log verify",
    "log prove 3",
    "policy explain --supervised x",
    "verify -- -o",
]
OTHERS = [
    "",
    "sign x",
    "init",
    "keys list",
    "keys new",
    "policy trust",
    "export x",
    "log",
    "run x",
    "exec true",
    "show log",
    "--limit 5 log show",
    "log reindex",
]


@pytest.mark.parametrize("line", READING)
def test_commands_that_read_are_carried_out(line: str) -> None:
    require_read_only(line.split())


@pytest.mark.parametrize("line", OTHERS)
def test_no_other_command_is(line: str) -> None:
    with pytest.raises(KeyUnavailableError, match="is not done inside a supervised tree"):
        require_read_only(line.split())


DRAWING = ["lineage x --format svg", "impact --format=svg x", "lineage -o out x", "impact --output out x"]
"""They would have the supervisor start a program of the asker's search path, or write for it."""


@pytest.mark.parametrize("line", ["log prove 3 -o out", "log prove 3 --output=out", "verify --policy p x", "--policy=p verify", "verify -qo x", *DRAWING])
def test_options_that_write_or_rule_are_not_taken(line: str) -> None:
    with pytest.raises(UsageError, match="is not taken inside a supervised tree"):
        require_read_only(line.split())


def test_messages_are_told_at_once_and_taken_once() -> None:
    told: list[str] = []
    messages = Messages(told.append)
    messages.tell("one")
    messages.tell("two")
    assert (messages.take(), messages.take(), told) == (("one", "two"), (), ["one", "two"])


def test_frames_carry_messages_and_are_bounded() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send(theirs, wire.Failed("PolicyError", "mlsc.toml is broken", "mend it"))
        assert wire.receive_answer(ours) == wire.Failed("PolicyError", "mlsc.toml is broken", "mend it")
        ours.sendall(struct.pack("!I", wire.MOST + 1))
        with pytest.raises(ValueError, match="a message of"):
            wire.receive_question(theirs)
