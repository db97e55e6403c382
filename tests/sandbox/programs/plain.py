"""Runs a command as `mlsc exec` leaves it, without supervision: no capabilities, no new privileges."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
    last = int(file.read())
for capability in range(last + 1):
    libc.prctl(24, capability, 0, 0, 0)  # fails for somebody who has none to give up
libc.prctl(47, 4, 0, 0, 0)
if libc.capset(struct.pack("<Ii", 0x20080522, 0), bytes(24)) != 0:
    sys.exit("capset failed")
os.execv(sys.argv[1], sys.argv[1:])
