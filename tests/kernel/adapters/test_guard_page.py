"""docs/guard.md tells the same as the table: which library has adapters, and every function that is wrapped."""

from __future__ import annotations

from pathlib import Path

from jupyter_mlsc.kernel.adapters.tables import ROWS

PAGE = (Path(__file__).parents[3] / "docs" / "guard.md").read_text(encoding="utf-8")
STANDARD_LIBRARY = {"pickle": "Python", "dbm": "Python"}


def section(title: str) -> list[list[str]]:
    """The cells of the table in a section."""
    text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("|")]
    return lines[2:]


def test_every_row_is_on_the_page_and_nothing_else() -> None:
    def told(rows: list[str]) -> str:
        return ", ".join(f"`{name}`" for name in rows)

    lines = []
    for module in dict.fromkeys(row.module for row in ROWS):
        here = [row for row in ROWS if row.module == module]
        read = told([row.name for row in here if row.reads or row.recalls])
        written = told([row.name for row in here if row.writes])
        lines.append(f"| `{module}` | {read} | {written} |")
    assert PAGE.partition("\n## The rows\n")[2].splitlines()[-len(lines) :] == lines


def test_the_libraries_with_adapters_are_those_of_the_table() -> None:
    named = {library.strip() for cells in section("Which sensor sees which library") if "adapter" in "".join(cells[2:]) for library in cells[0].split(",")}
    assert named == {STANDARD_LIBRARY.get(row.library, row.library) for row in ROWS}
