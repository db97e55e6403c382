"""The story of a notebook, from the record alone: its last run, what that read and wrote, and its cells as saved against the code that ran."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.story import NotebookStory, RecordedRun, SavedCell, cell_stories, gone_executions
from jupyter_mlsc.transfer import OpenedFile

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def notebook_story(project: ProjectState, path: Path) -> NotebookStory:
    """The story of a notebook. Raises ArtifactError, FormatError for a file that is no notebook, LedgerError."""
    name = project.target(path).asked
    saved = saved_cells(path)
    runs = project.chronicle.of_notebook(name, (cell.code for cell in saved))
    return story_of(project, name, saved, runs[-1] if runs else None)


def story_of(project: ProjectState, name: str, saved: Sequence[SavedCell], found: RecordedRun | None) -> NotebookStory:
    """The story of a notebook by one of its runs; None where there is none."""
    if found is None:
        return NotebookStory(name, None, None, False, (), (), (), cell_stories(saved, ()), (), {})
    read, written = found.names("read"), found.names("write")
    present = [each for each in (*read, *written) if (project.root / each).exists()]
    missing = tuple(each for each in (*read, *written) if each not in present)
    reads = tuple(each for each in read if each in present)
    writes = tuple(each for each in written if each in present and each not in read)
    cells, gone = cell_stories(saved, found.executions), gone_executions(saved, found.executions)
    return NotebookStory(name, found.run, found.tier, found.ended, reads, writes, missing, cells, gone, found.coverage)


def saved_cells(path: Path) -> list[SavedCell]:
    """The code cells of a notebook's file. Raises ArtifactError, FormatError for a file that is no notebook."""
    with OpenedFile(path) as opened:
        data = opened.private_copy().tobytes()
    try:
        document = json.loads(data)
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return [SavedCell(str(cell.get("id", index)), _code("".join(cell["source"]))) for index, cell in enumerate(cells)]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise FormatError(f"{path} is no notebook in Jupyter's format 4: {err!r}", next_step="open it in JupyterLab and save it again") from err


def _code(source: str) -> str:
    return "sha256:" + hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
