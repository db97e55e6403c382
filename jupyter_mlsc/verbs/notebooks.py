"""The story of a notebook, from the record alone: its last run, what that read and wrote, its cells as saved against the code that ran, its reviews."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.digests import measure_many
from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.following import claimed_inputs
from jupyter_mlsc.policy.revoking import revoked_keys
from jupyter_mlsc.story import NotebookStory, Recorded, Reviewed, SavedCell
from jupyter_mlsc.transfer import OpenedFile

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def notebook_story(project: ProjectState, path: Path) -> NotebookStory:
    """The story of a notebook, not yet beside what lies there now. Raises ArtifactError, FormatError for a file that is no notebook, LedgerError."""
    story = saved_notebook(project, path)
    runs = project.chronicle.of_notebook(story.path, (cell.code for cell in story.saved))
    return story.of_run(runs[-1], claimed_inputs(runs[-1].cells)) if runs else story


def saved_notebook(project: ProjectState, path: Path) -> NotebookStory:
    """A notebook as it is saved and as it was reviewed, beside none of its runs. Raises ArtifactError, FormatError for a file that is no notebook."""
    target = project.target(path)
    digest, saved = _saved_cells(path)
    return NotebookStory(target.asked, digest, saved, reviews=tuple(_reviews(project, target.asked, target.path)))


def beside_now(project: ProjectState, story: NotebookStory, known: Mapping[str, Digest]) -> NotebookStory:
    """The story beside what lies at each name of it now; ``known`` are digests that were computed already. Raises ArtifactError."""
    names = dict.fromkeys((*story.reads, *story.writes, *(saw.path for review in story.reviews for saw in review.saw if saw.path != story.path)))
    present: dict[str, Digest | None] = {name: known[name] for name in names if name in known}
    to_measure = {name: project.root / name for name in names if name not in present}
    there = {name: path for name, path in to_measure.items() if os.path.exists(path)}
    measured = measure_many(list(there.values()), sha256=True, content_tree=False)
    present |= {name: measured[there[name]].digest if name in there else None for name in to_measure}
    return story.beside(present)


def _saved_cells(path: Path) -> tuple[Digest, tuple[SavedCell, ...]]:
    with OpenedFile(path) as opened:
        data = opened.private_copy().tobytes()
    digest = Digest("sha256", hashlib.sha256(data).hexdigest())
    return digest, tuple(SavedCell(cell_id, _code(source), source) for cell_id, source in _code_cells(data, path))


def _code_cells(data: bytes, path: Path) -> list[tuple[str, str]]:
    """Id and source of each code cell; where the format has no ids, the cell's place among them. Raises FormatError for what is no notebook."""
    try:
        document = json.loads(data)
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return [(str(cell.get("id", index)), "".join(cell["source"])) for index, cell in enumerate(cells)]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise FormatError(f"{path} is no notebook in Jupyter's format 4: {err!r}", next_step="open it in JupyterLab and save it again") from err


def _code(source: str) -> str:
    return "sha256:" + hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _reviews(project: ProjectState, name: str, path: Path) -> Iterator[Reviewed]:
    """Each person's newest decision about a notebook, made with a key that stands; oldest first."""
    known = project.gatherer.revocations
    known.look()
    layers = [layer for layer in project.policy.layers if layer.accepted]
    revoked = {key for layer in layers for key in revoked_keys(layer, project.project_id, known.all())}
    newest: dict[str, Reviewed] = {}
    claims = [c for c in project.gatherer.gather(name, path, None).claims if c.decision in (decisions.APPROVED, decisions.REJECTED) and c.name == name]
    for claim in sorted((c for c in claims if c.signed_at is not None and c.project == project.project_id), key=lambda c: (c.signed_at, c.source)):
        for key in claim.keys:
            owner = next((layer.owners[key] for layer in layers if key in layer.owners), None)
            if owner is None or owner.is_run or key in revoked or claim.signed_at is None or claim.decision is None:
                continue
            saw = (Recorded(name, "notebook", claim.digest), *(Recorded(each.name, each.role, each.digest) for each in claim.saw))
            newest.pop(owner.name, None)
            newest[owner.name] = Reviewed(claim.decision, owner.name, predicates.rfc3339(claim.signed_at), claim.note, saw)
    yield from newest.values()
