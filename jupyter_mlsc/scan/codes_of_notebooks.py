"""The codes of findings on notebooks: rows of the one table in `codes`."""

from __future__ import annotations

from jupyter_mlsc.scan.code import Code

_LEAVE = "take it out, clear the outputs, and change it where it is used, since whoever saw the notebook has it (mlsc scan --redact makes a copy without it)"
NOTEBOOKS = {
    "secret-token": Code("high", "it holds a secret: {what}", _LEAVE),
    "secret-assigned": Code("high", "it holds a secret: {what}", _LEAVE),
    "secret-random": Code("low", "it holds a {what}, which may be a secret", "look at it; if it is a secret, take it out and change it where it is used"),
    "personal-data": Code("medium", "it shows personal data: a {what}", "clear the output, or show counts and not persons"),
    "command-fetch-and-run": Code("high", "a cell runs a program that it fetches at that moment: {what}", "fetch it, look at it, and keep it with its digest"),
    "command-reverse-shell": Code("high", "a cell opens a shell for another machine: {what}", "do not run this notebook"),
    "command-decoded": Code(
        "high", "a cell runs a program that is written so that nobody can read it: {what}", "do not run this notebook before you have decoded it"
    ),
    "command-removes": Code("medium", "a cell removes all that lies in a folder: {what}", "name what is to go"),
    "command-schedules": Code("high", "a cell arranges that something runs later, outside of the notebook: {what}", "do it by hand, where it can be seen"),
    "command-sends": Code("medium", "a cell sends files to another machine: {what}", "make sure that they may leave"),
    "command-fetches": Code("low", "a cell fetches something that nobody vouched for: {what}", "keep it as a file of the project and sign it: mlsc sign"),
    "install-unpinned": Code(
        "low", "a cell installs {what} in whatever version there is at that moment", "name the version, best with its hash, in a file of requirements"
    ),
    "install-index": Code("medium", "a cell installs from another index: {what}", "make sure that the index is yours; allow it by [install] indexes"),
    "install-address": Code("medium", "a cell installs from an address without a hash: {what}", "pin it by its hash or commit"),
    "output-script": Code(
        "medium", "it shows something that runs in the reader's browser where the notebook is trusted: {what}", "clear the output, or run the cell again"
    ),
    "output-frame": Code("medium", "it shows another document inside the notebook: {what}", "clear the output, or run the cell again"),
    "output-form": Code("medium", "it shows {what}", "clear the output: a form in a notebook asks the reader for something"),
    "output-remote": Code("low", "showing it tells another server who reads it: {what}", "keep the picture or script with the notebook"),
    "code-invisible": Code("high", "its code holds {what}, which does not show: what runs is not what is read", "delete the line and write it again"),
    "code-hidden": Code("low", "the code of this cell is folded away when the notebook is opened{what}", "open it before you trust the notebook"),
}
