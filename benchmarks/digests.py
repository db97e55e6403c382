"""Digests beside their peers: verifying and signing a big file, shards and many small files, against openssl, sha256sum and model_signing.

    python benchmarks/digests.py --size 4GiB --shards 12x256MiB --files 20000

All times are wall seconds of whole calls on a warm page cache; the peers are commands and their start-up counts, ours are calls and the
start of Python and this package is a row of its own. Every row is run in turn with its peers, several times, and the best time counts.
The big file's peer is ``openssl dgst -sha256`` and the tree's is ``model_signing verify key`` where that command is installed.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_mlsc.block_hashing import usable_threads
from jupyter_mlsc.digest_cache import DigestCache, measure_cached
from jupyter_mlsc.digests import measure

UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
PATTERN = 1 << 20


@dataclass
class Row:
    """One thing that is timed, with the peer and the budget (a ratio to the peer's time) that it has to keep."""

    case: str
    what: str
    run: Callable[[], object]
    peer: str | None = None
    budget: float | None = None
    times: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        return min(self.times)


def size_of(text: str) -> int:
    """Read ``4GiB``, ``256MiB``, ``8KiB`` or a number of bytes."""
    match = re.fullmatch(r"(\d+)(|KiB|MiB|GiB)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"not a size: {text}")
    return int(match[1]) * UNITS[match[2]]


def shards_of(text: str) -> tuple[int, int]:
    """Read ``12x64MiB``."""
    count, _, size = text.partition("x")
    if not count.isdecimal():
        raise argparse.ArgumentTypeError(f"not a number of shards and their size: {text}")
    return int(count), size_of(size)


def write(path: Path, size: int) -> None:
    """Write a file of random bytes, which are the same in each block but for the first ones."""
    block = os.urandom(PATTERN)
    with path.open("wb") as file:
        for start in range(0, size, PATTERN):
            file.write((start.to_bytes(8, "big") + block[8:])[: size - start])


def command(*argv: str | Path) -> Callable[[], object]:
    """A command to be timed, whose output is thrown away. Raises CalledProcessError when it fails."""
    return lambda: subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)


def signed(model_signing: str | None, folder: Path, tree: Path) -> list[str | Path] | None:
    """Sign a tree with model_signing and a key made for it, and return the command line that verifies it."""
    if model_signing is None:
        return None
    private, public, signature = folder / "private.pem", folder / "public.pem", folder / f"{tree.name}.sig"
    if not private.exists():
        command("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private)()
        command("openssl", "ec", "-in", private, "-pubout", "-out", public)()
    command(model_signing, "sign", "key", "--private_key", private, "--signature", signature, tree)()
    return [model_signing, "verify", "key", "--public_key", public, "--signature", signature, tree]


def rows_of(folder: Path, size: int, shards: tuple[int, int], files: int, model_signing: str | None) -> list[Row]:
    """Make the files and say what is to be timed."""
    big, sharded, many = folder / "big.bin", folder / "shards", folder / "many"
    write(big, size)
    sharded.mkdir()
    for number in range(shards[0]):
        write(sharded / f"model-{number:05}-of-{shards[0]:05}.safetensors", shards[1])
    for number in range(files):
        path = many / f"{number % 100:02}" / f"{number:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, 8 << 10)
    file_case = f"file of {size / (1 << 30):g} GiB"
    rows = [
        Row(file_case, "openssl dgst -sha256", command("openssl", "dgst", "-sha256", big)),
        Row(file_case, "sha256sum", command("sha256sum", big)),
        Row(file_case, "verify: content tree", lambda: measure(big, sha256=False), "openssl dgst -sha256", 0.5),
        Row(file_case, "sign: both digests", lambda: measure(big), "openssl dgst -sha256", 1.2),
        Row(file_case, "SHA-256 alone", lambda: measure(big, content_tree=False), "openssl dgst -sha256"),
    ]
    cache = DigestCache(folder / "digests.db")
    later = time.time_ns() + 60 * 10**9
    measure_cached(big, cache, later)
    rows.append(Row(file_case, "unchanged, from the cache", lambda: measure_cached(big, cache, later), "openssl dgst -sha256"))
    for tree, case, budget in (
        (sharded, f"{shards[0]} shards of {shards[1] >> 20} MiB", 1 / 2),
        (many, f"{files:,} files of 8 KiB", 1 / 5),
    ):
        names = folder / f"{tree.name}.names"
        names.write_bytes(b"".join(bytes(path) + b"\0" for path in sorted(tree.rglob("*.*"))))
        rows.append(Row(case, "openssl dgst -sha256", command("xargs", "-0", "-a", names, "openssl", "dgst", "-sha256")))
        rows.append(Row(case, "sha256sum", command("xargs", "-0", "-a", names, "sha256sum")))
        verify = signed(model_signing, folder, tree)
        if verify is not None:
            rows.append(Row(case, "model_signing verify key", command(*verify)))
        rows.append(Row(case, "dirhash", lambda tree=tree: measure(tree), "model_signing verify key" if verify else None, budget if verify else None))  # type: ignore[misc]  # mypy cannot infer a lambda's default
    start = "start-up"
    rows.append(Row(start, "python -c pass", command(sys.executable, "-c", "pass")))
    rows.append(Row(start, "import jupyter_mlsc.digest_cache", command(sys.executable, "-c", "import jupyter_mlsc.digest_cache"), "python -c pass"))
    if model_signing is not None:
        rows.append(Row(start, "model_signing --help", command(model_signing, "--help"), "python -c pass"))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The results as Markdown: best times, and ratios to the peer of the same case."""
    best = {(row.case, row.what): row.best for row in rows}
    lines = ["| case | what | best s | runs | ratio to peer | budget | kept |", "| --- | --- | ---: | ---: | --- | --- | --- |"]
    for row in rows:
        ratio = row.best / best[row.case, row.peer] if row.peer else None
        shown = f"{ratio:.3f} x {row.peer}" if ratio is not None else ""
        kept = "" if ratio is None or row.budget is None else "yes" if ratio <= row.budget else "NO"
        lines.append(f"| {row.case} | {row.what} | {row.best:.4f} | {len(row.times)} | {shown} | {f'{row.budget:.2f}' if row.budget else ''} | {kept} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table. Returns 0; a budget that is not kept is shown, not an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=size_of, default=size_of("1GiB"), help="of the big file (default 1GiB)")
    parser.add_argument("--shards", type=shards_of, default=(12, 64 << 20), help="number and size (default 12x64MiB)")
    parser.add_argument("--files", type=int, default=5000, help="number of files of 8 KiB (default 5000)")
    parser.add_argument("--runs", type=int, default=5, help="of each row, in turn with the others of its case (default 5)")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary files go (default: the system's folder for them)")
    beside = Path(__file__).resolve().parent.parent / ".venv-interop" / "bin" / "model_signing"
    parser.add_argument("--model-signing", default=str(beside) if beside.exists() else shutil.which("model_signing"), help="the command to compare with")
    options = parser.parse_args(argv)

    with tempfile.TemporaryDirectory(prefix="mlsc-benchmark-", dir=options.folder) as folder:
        rows = rows_of(Path(folder), options.size, options.shards, options.files, options.model_signing)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cases = list(dict.fromkeys(row.case for row in rows))
        for case in cases:
            for turn in range(options.runs + 1):
                for row in (row for row in rows if row.case == case):
                    start = time.perf_counter()
                    row.run()
                    if turn:  # the first turn warms the page cache
                        row.times.append(time.perf_counter() - start)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(table(rows))
    print(f"\n{usable_threads(None)} cores; peak memory {grown >> 10} MiB over the start of the measurements; load average {os.getloadavg()[1]:.1f}")
    print("ratios to a peer of one thread mean something only where the cores were free: a load average of about 1 or less")
    if options.model_signing is None:
        print("model_signing is not installed: its rows are missing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
