"""What a case of the adapters' tests is: ``make`` writes ``p``, ``read`` puts plain Python values into ``result``; they must not differ under a guard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """``name`` is the file's or folder's name; ``needs`` are the modules without which the case is skipped."""

    id: str
    name: str
    make: str
    read: str
    needs: tuple[str, ...]


def case(name: str, make: str, read: str, *needs: str, label: str = "") -> Case:
    """One case, called by its first library."""
    library = needs[0] if needs else "python"
    return Case(f"{library}-{label or name}", name, make, read, needs)
