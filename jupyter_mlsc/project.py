"""The waist: a project's verbs, which every face calls. It only puts calls in order; nothing in here decides.

sign, verify, scan, diff, review, revoke, override, promote, load, open, save, lineage, impact, status: the command line, the magics, the Python API and the
server all come through here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from jupyter_mlsc.artifacts import MOST_ARTIFACTS
from jupyter_mlsc.project_state import ProjectState

if TYPE_CHECKING:
    from jupyter_mlsc.artifacts import Digest
    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.lineage import Direction, Impact, LineageNode, Neighbourhood
    from jupyter_mlsc.policy import Explanation
    from jupyter_mlsc.profiles import DatasetDiff
    from jupyter_mlsc.recording import Run
    from jupyter_mlsc.results import ArtifactEvidence, Decided, Entitled, Loaded, NotebookOverview, Replayed, Saved, SaveJudged, Signed, Status
    from jupyter_mlsc.scan.finding import Finding, Scanned
    from jupyter_mlsc.story import NotebookStory
    from jupyter_mlsc.verbs.replaying import Execute, Wish
    from jupyter_mlsc.verdict import Verdict

Progress = Callable[[int, int], None]


@dataclass
class Project(ProjectState):
    """A folder with ``mlsc.toml``, seen by one user: `Project.find(path, environ)`. Each verb is one file of ``verbs/``, imported at its first use."""

    def verify(self, paths: Sequence[Path], *, full: bool = False, run: Run | None = None, progress: Progress | None = None) -> list[Verdict]:
        """Hash afresh and judge; without paths, all that the policy governs. Raises ArtifactError for what cannot be read."""
        from jupyter_mlsc.verbs.verifying import verify

        return verify(self, paths, full=full, run=run, progress=progress)

    def explain(self, path: Path) -> Explanation:
        """Hash one artifact afresh and judge it with the grounds."""
        from jupyter_mlsc.verbs.verifying import explain_verdict

        return explain_verdict(self, path)

    def sign(
        self,
        paths: Sequence[Path],
        *,
        kind: str | None,
        note: str,
        channel: str,
        passphrases: PassphraseSource,
        key: str | None = None,
        progress: Progress | None = None,
        only_if_counted: bool = False,
    ) -> list[Signed]:
        """Stand for artifacts with a vouching key. Raises KeyUnavailableError while it is locked.

        ``only_if_counted`` refuses what the policy would not count, with its reason, instead of writing it down: DecisionRefusedError.
        """
        from jupyter_mlsc.verbs.signing import sign

        return sign(
            self,
            paths,
            kind=kind,
            note=note,
            channel=channel,
            passphrases=passphrases,
            key=key,
            progress=progress,
            only_if_counted=only_if_counted,
        )

    def scan(self, paths: Sequence[Path], *, also: frozenset[str] = frozenset(), progress: Progress | None = None) -> Scanned:
        """Look for what is dangerous, in a process that holds no key; what the policy governs goes on record. Raises ArtifactError for what cannot be read."""
        from jupyter_mlsc.verbs.scanning import scan

        return scan(paths, project=self, also=also, progress=progress)

    def accept(self, path: Path, codes: Sequence[str], *, why: str, channel: str, passphrases: PassphraseSource, key: str | None = None) -> Decided:
        """Accept what a scan finds in exactly these bytes, by code. Raises DecisionRefusedError."""
        from jupyter_mlsc.verbs.accepting import accept

        return accept(self, path, codes, why=why, channel=channel, passphrases=passphrases, key=key)

    def inspect(
        self, environ: Mapping[str, str], *, prefix: Path | None = None, database: str | None = None, bytecode: bool = False, progress: Progress | None = None
    ) -> Scanned:
        """Look at the environment, or at the one with this prefix, and record it. Raises UsageError, MlscError."""
        from jupyter_mlsc.verbs.inspecting import inspect

        return inspect(self, prefix=prefix, database=database, environ=environ, bytecode=bytecode, progress=progress)

    def diff(self, path: Path, *, against: Path | None = None, progress: Progress | None = None) -> DatasetDiff:
        """Compare a data set with the newest signed profile of it, or of another one. Raises UsageError where there is none."""
        from jupyter_mlsc.verbs.diffing import diff

        return diff(self, path, against=against, progress=progress)

    def review(self, path: Path, *, approve: bool, note: str, channel: str, passphrases: PassphraseSource, key: str | None = None) -> Decided:
        """Approve or reject exactly these bytes; of a notebook, with what its last run read and wrote. Raises DecisionRefusedError."""
        from jupyter_mlsc.verbs.reviewing import NOTEBOOK, review

        story = self.notebook_story(path) if path.suffix == NOTEBOOK else None
        inputs, outputs = ((), ()) if story is None else ([n for n in names if n not in story.missing] for names in (story.reads, story.writes))
        return review(self, path, approve=approve, note=note, channel=channel, passphrases=passphrases, key=key, inputs=inputs, outputs=outputs)

    def revoke(self, reference: str, *, why: str, channel: str, passphrases: PassphraseSource, key: str | None = None) -> Decided:
        """Revoke a digest, a key, or all bytes of a path. Raises DecisionRefusedError."""
        from jupyter_mlsc.verbs.revoking import revoke

        return revoke(self, reference, why=why, channel=channel, passphrases=passphrases, key=key)

    def override(self, path: Path, *, why: str, until: datetime, channel: str, passphrases: PassphraseSource, key: str | None = None) -> Decided:
        """Let one version of an artifact be used for a while although it fails. Raises DecisionRefusedError."""
        from jupyter_mlsc.verbs.overriding import override

        return override(self, path, why=why, until=until, channel=channel, passphrases=passphrases, key=key)

    def promote(self, path: Path, stage: str, *, note: str, channel: str, passphrases: PassphraseSource, key: str | None = None) -> Decided:
        """Put an artifact into a stage's folder, if it satisfies what is asked there. Raises DecisionRefusedError."""
        from jupyter_mlsc.verbs.promoting import promote

        return promote(self, path, stage, note=note, channel=channel, passphrases=passphrases, key=key)

    def load(self, path: Path, run: Run, *, format_name: str | None = None) -> Loaded:
        """Load an artifact from exactly the bytes that were judged, and record it. Raises BlockedArtifactError."""
        from jupyter_mlsc.verbs.loading import load

        return load(self, path, run, format_name=format_name)

    def open(self, path: Path, run: Run) -> tuple[BinaryIO, Verdict]:
        """A binary stream over exactly the bytes that were judged, recorded. Raises BlockedArtifactError."""
        from jupyter_mlsc.verbs.loading import open_verified

        return open_verified(self, path, run)

    def save(self, value: object, path: Path, run: Run, *, format_name: str | None = None, variable: str | None = None) -> Saved:
        """Save a value, which ``variable`` holds in the notebook, whole or not at all, with a provenance statement that the run signs."""
        from jupyter_mlsc.verbs.saving import save

        return save(self, value, path, run, format_name=format_name, variable=variable)

    def notebook_story(self, path: Path) -> NotebookStory:
        """A notebook beside its last run, and what that read and wrote beside what lies there now."""
        from jupyter_mlsc.verbs.notebooks import beside_now, notebook_story

        return beside_now(self, notebook_story(self, path), {})

    def verify_with_stories(self, paths: Sequence[Path], *, full: bool = False, progress: Progress | None = None) -> tuple[list[Verdict], list[NotebookStory]]:
        """As `verify`, with a story for each notebook among the paths: what its last run read and wrote is judged too."""
        notebooks = [path for path in paths if path.suffix == ".ipynb"]
        if not notebooks:
            return self.verify(paths, full=full, progress=progress), []
        from jupyter_mlsc.verbs.notebooks import beside_now, notebook_story

        stories = [notebook_story(self, path) for path in notebooks]
        told = dict.fromkeys(self.root / name for story in stories for name in (*story.reads, *story.writes))
        judged = [
            *(path for path in paths if path not in notebooks or self.is_governed(path)),
            *(path for path in told if path.exists() and self.is_governed(path)),
        ]
        verdicts = self.verify(judged, full=full, progress=progress) if judged else []
        known = {verdict.path: verdict.digest for verdict in verdicts if verdict.digest is not None}
        return verdicts, [beside_now(self, story, known) for story in stories]

    def replay(self, path: Path, execute: Execute, wish: Wish) -> Replayed:
        """Run a notebook's last run again in a copy of the project, and state whether it made the same. Raises ReplayError."""
        from jupyter_mlsc.verbs.notebooks import notebook_story
        from jupyter_mlsc.verbs.replaying import replay

        return replay(self, self.notebook_story(path), notebook_story, execute, wish)

    def overview(self, path: Path, *, run: str | None = None, patient: bool = False) -> NotebookOverview:
        """A notebook at a glance, each artifact judged as it is now; ``patient`` waits for large files. Raises FormatError, UsageError."""
        from jupyter_mlsc.verbs.notebooks import saved_notebook
        from jupyter_mlsc.verbs.overview import overview

        with self.gatherer.one_look():
            return overview(self, saved_notebook(self, path), run=run, patient=patient)

    def judge_save(self, path: Path, find: Callable[[str], Sequence[Finding]]) -> SaveJudged | None:
        """Judge a notebook that is about to be saved; ``find`` scans it under a name. None where no rule asks. Raises nothing that a scan raises."""
        from jupyter_mlsc.verbs.judging_saves import judge_save

        return judge_save(self, path, find)

    def evidence(self, digest: Digest, name: str | None) -> ArtifactEvidence:
        """All that is on record of some bytes, and the versions of their name."""
        from jupyter_mlsc.verbs.evidence import evidence

        return evidence(self, digest, name)

    def entitlements(self, path: Path, channel: str) -> dict[str, Entitled]:
        """What this user may decide about a path through a channel: sign, review, revoke, override."""
        from jupyter_mlsc.verbs.entitling import entitlements

        return entitlements(self, path, channel)

    @property
    def is_settled(self) -> bool:
        """Whether all that was begun behind the caller's back is on record."""
        return "behind" not in self.__dict__ or self.behind.is_idle

    def settle(self, run: Run, seconds: float = 0.0) -> list[str]:
        """Record profiles of what the run has saved that are done by now, after waiting so long; what to tell of others. Raises LedgerError, ArtifactError."""
        if self.is_settled:
            return []
        from jupyter_mlsc.verbs.settling import settle

        return settle(self, run, seconds)

    def end_run(self, run: Run) -> None:
        """Record that a run is over, and what was not observed of it. Raises LedgerError."""
        if not run.started and not run.installs:
            return  # nothing was recorded: what would be imported for its end is not needed
        from jupyter_mlsc.accounts import record_end

        record_end(self, run)

    def lineage(self, reference: str, *, depth: int, limit: int = MOST_ARTIFACTS) -> LineageNode:
        """What an artifact, named by its path or digest, was made from; at most ``limit`` artifacts are listed."""
        from jupyter_mlsc.verbs.tracing import lineage

        return lineage(self, reference, depth, limit)

    def impact(self, reference: str, *, depth: int, limit: int = MOST_ARTIFACTS) -> Impact:
        """What was made from an artifact, named by its path or digest, and from that; of a notebook or script also what its runs made."""
        from jupyter_mlsc.verbs.tracing import impact

        return impact(self, reference, depth, limit)

    def neighbourhood(self, reference: str, direction: Direction, *, depth: int, limit: int = MOST_ARTIFACTS) -> Neighbourhood:
        """The same as nodes and links, for whoever draws a graph; what lies behind a node that has ``more`` is asked for by its path or digest."""
        from jupyter_mlsc.verbs.tracing import neighbourhood

        return neighbourhood(self, reference, direction, depth, limit)

    def wrong_rows(self) -> int:
        """Compare the index of what came from what with the ledger's entries; how many of its rows were wrong. Such an index is made anew."""
        from jupyter_mlsc.verbs.indexing import wrong_rows

        return wrong_rows(self)

    def reindex(self) -> tuple[int, int]:
        """Make all indexes of the ledger anew: how many entries they follow, and how many rows of what came from what had been wrong."""
        from jupyter_mlsc.verbs.indexing import reindex

        return reindex(self)

    def status(self, run: Run | None = None) -> Status:
        """The project at a glance."""
        from jupyter_mlsc.verbs.telling import status

        return status(self, run)

    def export_oms(self, path: Path, *, progress: Progress | None = None) -> bytes:
        """The OMS bundle about exactly these bytes. Raises BlockedArtifactError, UsageError."""
        from jupyter_mlsc.verbs.exporting import export_oms

        return export_oms(self, path, progress=progress)

    def place_for_oms(self, path: Path) -> Path:
        """Where other tools look for that bundle. Raises UsageError where it would change a signed folder."""
        from jupyter_mlsc.verbs.exporting import place_for_oms

        return place_for_oms(self, path)
