"""How much a scan may spend on one file. Named numbers with their reasons; a policy or a person may raise them."""

from __future__ import annotations

from typing import NamedTuple

from jupyter_mlsc.scan.starting import MEMORY

MiB = 1 << 20
GiB = 1 << 30


class Limits(NamedTuple):
    """Limits for one file. Sizes in bytes, times in seconds."""

    seconds: float = 120.0
    """Time for a file; added to it is what reading takes, at `bytes_per_second`."""
    bytes_per_second: int = 20 * MiB
    """A slow disk: the time for a large file is counted by it."""
    circling: float = 10.0
    """Processor time for a part of a file that a library reads which changed bytes can lead in circles; added to it is what reading takes."""
    memory: int = MEMORY
    """Address space of the process that scans."""
    depth: int = 10
    """Archives in archives, compressed layers in compressed layers."""
    members: int = 100_000
    """Members of all archives in a file together."""
    unpacked: int = 16 * GiB
    """Decompressed bytes that are looked at, over all layers and members of a file."""
    held: int = 256 * MiB
    """The largest decompressed member that is held in memory; longer ones are read once, from front to back."""
    text: int = 64 * MiB
    """The largest text document (JSON, YAML, XML) that is taken apart."""
    opcodes: int = 200_000_000
    """Opcodes of all pickles in a file."""
    findings: int = 200
    """Findings on one file; what is more says nothing new."""

    def seconds_for(self, size: int) -> float:
        """Time for a file of this many bytes."""
        return self.seconds + size / self.bytes_per_second

    def circling_for(self, size: int) -> float:
        """Processor time for a part of this many bytes, where that is limited for itself."""
        return self.circling + size / self.bytes_per_second


DEFAULT = Limits()
