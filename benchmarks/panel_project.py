"""A project whose notebook read very many files, made at once: what the panel's speed is measured on."""

from __future__ import annotations

import hashlib

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import Place, Run


def many_reads(project: Project, notebook: str, count: int, place: str = "many") -> None:
    """Write ``count`` small files into the folder ``place`` and put on record that one run of the notebook read them all."""
    run = Run(project.project_id)
    run.at(Place(notebook, "one", 1, "sha256:" + "0" * 64))
    folder = project.root / place
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for index in range(count):
        content = f"file {index}\n".encode()
        (folder / f"{index}.txt").write_bytes(content)
        digest, name = Digest("sha256", hashlib.sha256(content).hexdigest()), f"{place}/{index}.txt"
        told = predicates.LoadFacts("allow", False, ("ungoverned",), "dataset", run.facts(None))
        body = predicates.load_body(name, project.trust.digest, told, project.clock())
        statement = Statement((Subject(name, digest.in_toto()),), predicates.VSA, predicates.to_predicate(body))
        entries.append(entry_of("read", seal(statement, [project.run_signer]), predicates.VSA, [(name, digest)], project.clock()))
    project.record(run, entries[0])
    project.books.append(entries[1:])
