"""``mlsc log``: the ledger, shown, verified and proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jupyter_mlsc.cli.options import Options, globals_too, write_file

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Ledger
    from jupyter_mlsc.project import Project


@click.group("log")
def command() -> None:
    """Show, verify and prove the ledger."""


@command.command("show")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the newest N entries.")
@globals_too
def show(options: Options, limit: int | None) -> int:
    """List what was recorded, oldest first."""
    from jupyter_mlsc.verbs.telling import log_document
    from jupyter_mlsc.verdict import printable

    project, ledger = _ledger(options)
    start = 0 if limit is None else max(0, ledger.size - limit)
    documents = [log_document(project, entry) for entry in ledger.entries(start=start)]
    ended = {item["run"] for item in documents if item.get("phase") == "end"}
    for item in documents:
        if item.get("phase") == "start":
            item["complete"] = item["run"] in ended
        phase = "" if "phase" not in item else " · ended" if item["phase"] == "end" else " · began" if item["complete"] else " · incomplete"
        tier = " (supervised)" if item.get("tier") == "supervised" else ""
        where = f" · cell {printable(str(item['cell_id'] or item['execution_count']))}" if item.get("cell_id") or item.get("execution_count") else ""
        verdict = f" · {printable(item['verdict'])}" if item.get("verdict") else ""
        if item.get("decision"):
            until = f" until {item['until'][:16]}Z" if item.get("until") else ""
            verdict = f" · {item['decision']}{until}" + (f": {printable(item['why'])}" if item["why"] else "")
        names = ", ".join(printable(s["name"]) for s in item["subjects"])
        signer = item["signer"] or "a key that the policy does not name"
        options.say(f"{item['index']:>6}  {item['time'][:19]}Z  {printable(item['kind']):<13} {names}{phase}{verdict}{where} · {signer}{tier}")
    options.document(documents)
    return 0


@command.command("verify")
@globals_too
def verify(options: Options) -> int:
    """Recompute the whole ledger and compare it with its checkpoints and with what you have seen. Exit code 1 names the entry."""
    from jupyter_mlsc.ledger.audit import audit

    project = options.project()
    ledger = project.books.ledger
    if ledger is None:
        told = project.books.faults
        for fault in told:
            options.say(f"✗ {fault.message} [{fault.code}]\n    next: {fault.next}")
        if not told:
            options.say("there is no ledger yet: nothing was recorded in this project on this machine")
        options.document({"ok": not told, "size": 0, "faults": [{"entry": None, "code": f.code, "message": f.message} for f in told], "repaired": []})
        return 1 if told else 0
    report = audit(ledger, project.books.memory, progress=options.progress)
    for found in report.faults:
        place = "the ledger" if found.entry is None else f"entry {found.entry}"
        options.say(f"✗ {place}: {found.message} [{found.code}]")
    repaired = [found.message for found in report.repaired]
    wrong = project.wrong_rows() if report.ok else 0
    if wrong:
        repaired.append(f"the index of what came from what had {wrong} wrong {'row' if wrong == 1 else 'rows'}")
    for message in repaired:
        options.say(f"! an index was wrong and was made anew: {message}")
    if report.ok:
        root = "" if report.checkpoint is None else f", root {report.checkpoint.root.hex()[:16]}…"
        options.say(f"✓ the ledger is sound: {report.size} entries{root}, origin {ledger.origin}")
    else:
        options.advise("next: keep this file as evidence, and restore the ledger from a backup")
    faults = [{"entry": f.entry, "code": f.code, "message": f.message} for f in report.faults]
    options.document({"ok": report.ok, "size": report.size, "faults": faults, "repaired": repaired})
    return 0 if report.ok else 1


@command.command("reindex")
@globals_too
def reindex(options: Options) -> int:
    """Make the indexes anew from the entries, and say how many rows had been wrong. Nothing is lost: they hold nothing that the entries do not say."""
    project = options.project()
    size, wrong = project.reindex()
    had = "" if not wrong else f"; {wrong} {'row' if wrong == 1 else 'rows'} of what came from what had been wrong"
    options.say(f"made the indexes of {size} entries anew{had}")
    options.document({"ok": True, "size": size, "wrong": wrong})
    return 0


@command.command("checkpoint")
@globals_too
def checkpoint(options: Options) -> int:
    """Print the latest signed checkpoint (C2SP tlog-checkpoint). Keep it somewhere else: it shows a later rollback."""
    _, ledger = _ledger(options)
    latest = ledger.checkpoint()
    options.print(latest.note)
    options.document({"origin": latest.origin, "size": latest.size, "root": latest.root.hex(), "note": latest.note, "vkey": ledger.verifier.vkey})
    return 0


@command.command("prove")
@click.argument("index", type=click.IntRange(0))
@click.option("-o", "--output", metavar="OUT", help="Write the proof file here instead of printing it.")
@globals_too
def prove(options: Options, index: int, output: str | None) -> int:
    """Prove that entry INDEX stands in the ledger, as a C2SP tlog-proof that anybody can check offline."""
    from jupyter_mlsc.errors import UsageError

    _, ledger = _ledger(options)
    if index >= ledger.size:
        raise UsageError(f"the ledger has {ledger.size} entries, so there is no entry {index}", next_step="see them: mlsc log show")
    text = ledger.proof_file(index)
    if output:
        write_file(output, text.encode())
        options.say(f"wrote {output}")
    else:
        options.print(text)
    options.document({"ok": True, "index": index, "proof": text})
    return 0


def _ledger(options: Options) -> tuple[Project, Ledger]:
    from jupyter_mlsc.errors import LedgerError

    project = options.project()
    ledger = project.books.ledger
    if ledger is None:
        raise LedgerError("there is no ledger yet: nothing was recorded in this project on this machine", next_step="sign or save something first")
    return project, ledger
