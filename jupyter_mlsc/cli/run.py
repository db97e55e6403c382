"""``mlsc run``: a notebook from its first cell to its last, supervised, with nobody in front of it."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlsc.cli.options import Options, globals_too

if TYPE_CHECKING:
    from nbformat import NotebookNode

CELL_FAILED = 1


@click.command("run")
@click.argument("notebook", type=click.Path())
@click.option("-o", "--output", metavar="OUT", help="Write the executed notebook here; without it, in place.")
@click.option("--kernel", metavar="NAME", help="Run it with this kernel instead of the one that it names.")
@globals_too
def command(options: Options, notebook: str, output: str | None, kernel: str | None) -> int:
    """Run NOTEBOOK supervised and write it with its outputs, also when a cell failed.

    The kernel is the one that the notebook names, supervised whether its specification says so or not. Exit code 0 when every cell ran, 1 when a cell
    failed, 125 when supervision failed.
    """
    from jupyter_mlsc.errors import SupervisionError, UsageError

    path, project = Path(notebook), options.project(notebook)
    book = _read(path)
    named = kernel or book.metadata.get("kernelspec", {}).get("name") or "python3"
    target = Path(output or notebook)
    if not target.parent.is_dir():
        raise UsageError(f"{target} cannot be written: there is no folder {target.parent}", next_step="make the folder, or choose another one")
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    failed: str | None = None
    client = _client(book, named, path, options)
    try:
        client.execute(env={**os.environ, "JPY_SESSION_NAME": str(path.absolute())})
    except NoSuchKernel as err:
        raise UsageError(f"there is no kernel {named!r} here, which {notebook} asks for", next_step="see: mlsc kernels list (or name one: --kernel)") from err
    except CellExecutionError as err:
        failed = str(err)
    except DeadKernelError:
        failed = "the kernel died"
    except RuntimeError as err:
        raise SupervisionError(f"the kernel of {notebook} did not start: {err}", next_step="see what is written above") from err
    finally:
        # nbclient would clean a second time when this process ends, and fail at what is gone.
        atexit.unregister(client._cleanup_kernel)
    _write(book, target)
    ran = sum(1 for cell in book.cells if cell.cell_type == "code" and cell.get("execution_count"))
    options.notes(project)
    if failed is not None:
        click.echo(failed.rstrip(), err=True)
    options.say(f"{'✗ a cell failed' if failed else '✓ ran'}: {notebook} · {ran} cells · written to {target}")
    options.document({"ok": failed is None, "notebook": notebook, "output": str(target), "cells": ran, "error": failed})
    return CELL_FAILED if failed is not None else 0


def _client(book: NotebookNode, named: str, path: Path, options: Options) -> Any:
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    from jupyter_mlsc.sandbox.provisioner import NAME

    class SupervisedManager(AsyncKernelManager):
        """Starts any kernel supervised."""

        policy = None if options.policy is None else str(options.policy.absolute())

        @property
        def kernel_spec(self) -> KernelSpec | None:
            spec = super().kernel_spec
            if spec is not None:
                spec.metadata["kernel_provisioner"] = {"provisioner_name": NAME}
            return spec

    return NotebookClient(
        book, kernel_name=named, kernel_manager_class=SupervisedManager, timeout=None, resources={"metadata": {"path": str(path.absolute().parent)}}
    )


def _read(path: Path) -> NotebookNode:
    import nbformat

    from jupyter_mlsc.errors import FormatError
    from jupyter_mlsc.transfer import wrap_os_error

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise wrap_os_error(err, path, "read") from err
    except UnicodeDecodeError as err:
        raise FormatError(f"{path} is no notebook: it is not UTF-8", next_step="name a notebook") from err
    try:
        book: NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, KeyError, AttributeError) as err:
        raise FormatError(f"{path} is no notebook: {str(err).splitlines()[0]}", next_step="name a notebook") from err
    return book


def _write(book: NotebookNode, target: Path) -> None:
    import nbformat

    from jupyter_mlsc.transfer import staged, wrap_os_error

    with staged(target, folder=False) as replacement:
        try:
            replacement.staged.write_text(nbformat.writes(book) + "\n", encoding="utf-8")  # type: ignore[no-untyped-call]
        except OSError as err:
            raise wrap_os_error(err, target, "written") from err
        replacement.put()
