"""A notebook is executed from its first cell to its last with nobody in front of it, in a kernel that is supervised or guarded; for `run` and `replay`."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlsc.errors import SupervisionError, UsageError
from jupyter_mlsc.sandbox.boot import SUPERVISION_FAILED, without_secrets

if TYPE_CHECKING:
    from nbformat import NotebookNode

_STARTS = 3
"""How often a kernel is started that dies before it says a word: its ports were free a moment before it took them, and somebody else may have been faster."""
MAY_FAIL = "raises-exception"
"""The tag of a cell whose error does not end the execution, as nbclient and nbconvert know it."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Which kernel is started and how: ``name`` is that of its specification; ``policy`` is trusted by being named; ``hidden`` is hidden from what runs."""

    name: str
    supervised: bool = True
    policy: Path | None = None
    hidden: tuple[str, ...] = ()


def kernel_name(book: NotebookNode) -> str:
    """The kernel that a notebook names."""
    return str(book.metadata.get("kernelspec", {}).get("name") or "python3")


def execute(book: NotebookNode, path: Path, kernel: Kernel) -> str | None:
    """Execute a notebook that stands for the file at ``path``, in that file's folder; its outputs are in it afterwards.

    Returns what failed: a cell's error, or the kernel's death; None where every cell ran. Raises UsageError, SupervisionError.
    """
    for left in reversed(range(_STARTS)):
        ended: list[int | None] = []
        try:
            return _executed(book, path, kernel, ended)
        except _NotStartedError as err:
            if not left or SUPERVISION_FAILED in ended:
                raise SupervisionError(f"the kernel of {path} did not start: {err}", next_step="see what is written above") from err
    raise AssertionError("the last start returns or raises")


class _NotStartedError(Exception):
    """The kernel died before it said a word."""


def _executed(book: NotebookNode, path: Path, kernel: Kernel, ended: list[int | None]) -> str | None:
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    client = _client(book, path, kernel, ended)
    try:
        client.execute(env={**without_secrets(os.environ), "JPY_SESSION_NAME": str(path.absolute())})
    except NoSuchKernel as err:
        raise UsageError(f"there is no kernel {kernel.name!r} here, which {path} asks for", next_step="see: mlsc kernels list (or name one: --kernel)") from err
    except CellExecutionError as err:
        return str(err)
    except DeadKernelError:
        return "the kernel died"
    except RuntimeError as err:
        raise _NotStartedError(str(err)) from err
    finally:
        # nbclient would clean a second time when this process ends, and fail at what is gone.
        atexit.unregister(client._cleanup_kernel)
    return None


def failed_cell(book: NotebookNode) -> int | None:
    """The place, among the code cells, of the first that ended with an error that it may not have; None where none did."""
    for place, cell in enumerate(cell for cell in book.cells if cell.cell_type == "code"):
        if MAY_FAIL not in cell.metadata.get("tags", []) and any(output.output_type == "error" for output in cell.outputs):
            return place
    return None


def notebook_of(cells: Iterable[tuple[str, list[str]]], like: NotebookNode) -> NotebookNode:
    """A notebook of code cells with their tags, for the same kernel as another one."""
    import nbformat

    made: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"cell-{place}", "metadata": {"tags": tags}, "source": source, "outputs": [], "execution_count": None}
        for place, (source, tags) in enumerate(cells)
    ]
    book: NotebookNode = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": like.metadata, "cells": made})  # type: ignore[no-untyped-call]
    return book


def _client(book: NotebookNode, path: Path, kernel: Kernel, ended: list[int | None]) -> Any:
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    from jupyter_mlsc.sandbox.kernel_specs import NAME

    class Manager(AsyncKernelManager):
        """Starts any kernel supervised, or none."""

        policy = None if kernel.policy is None else str(kernel.policy.absolute())
        hidden = kernel.hidden

        async def is_alive(self) -> bool:  # type: ignore[override]  # it is awaited in an asynchronous manager
            """Whether the kernel runs. How it ended is kept, which nobody says afterwards."""
            alive: bool = await super().is_alive()
            process = getattr(self.provisioner, "process", None)
            if not alive and process is not None:
                ended.append(process.returncode)
            return alive

        @property
        def kernel_spec(self) -> KernelSpec | None:
            spec = super().kernel_spec
            if spec is not None:
                spec.metadata.pop("kernel_provisioner", None)
                if kernel.supervised:
                    spec.metadata["kernel_provisioner"] = {"provisioner_name": NAME}
            return spec

    return NotebookClient(
        book, kernel_name=kernel.name, kernel_manager_class=Manager, timeout=None, resources={"metadata": {"path": str(path.absolute().parent)}}
    )


def read_notebook(path: Path) -> NotebookNode:
    """A notebook, brought to the newest format. Raises ArtifactError, FormatError."""
    from jupyter_mlsc.errors import FormatError
    from jupyter_mlsc.transfer import wrap_os_error

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise wrap_os_error(err, path, "read") from err
    except UnicodeDecodeError as err:
        raise FormatError(f"{path} is no notebook: it is not UTF-8", next_step="name a notebook") from err
    return parse_notebook(text, path)


def parse_notebook(text: str, path: Path) -> NotebookNode:
    """The same of a text that was read already. Raises FormatError."""
    import nbformat

    from jupyter_mlsc.errors import FormatError

    try:
        book: NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, KeyError, AttributeError) as err:
        raise FormatError(f"{path} is no notebook: {str(err).splitlines()[0]}", next_step="name a notebook") from err
    return book


def write_notebook(book: NotebookNode, target: Path) -> None:
    """Write a notebook, whole or not at all. Raises ArtifactError."""
    import nbformat

    from jupyter_mlsc.transfer import staged, wrap_os_error

    with staged(target, folder=False) as replacement:
        try:
            replacement.staged.write_text(nbformat.writes(book) + "\n", encoding="utf-8")  # type: ignore[no-untyped-call]
        except OSError as err:
            raise wrap_os_error(err, target, "written") from err
        replacement.put()
