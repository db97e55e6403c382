"""A process that appends to a ledger and says, line by line, what was acknowledged: `appender.py PLACE MEMORY KEY FIRST COUNT [BATCH]`."""

from __future__ import annotations

import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_entries import new_entry

from jupyter_mlsc.ledger import CheckpointMemory, Ledger


def main(place: str, memory: str, key: str, first: str, count: str, batch: str = "1") -> None:
    ledger = Ledger.open(place, CheckpointMemory(memory), Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)))
    print("ready", flush=True)
    sys.stdin.readline()
    step = int(batch)
    for number in range(int(first), int(first) + int(count), step):
        for index in ledger.append([new_entry(each) for each in range(number, number + step)]):
            print(index, number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
