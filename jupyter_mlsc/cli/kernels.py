"""``mlsc kernels``: specifications of kernels that start supervised, made from those that are here."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlsc.cli.options import Options, globals_too
from jupyter_mlsc.sandbox.kernel_specs import is_supervised

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

SUFFIX = "-supervised"


@click.group("kernels")
def command() -> None:
    """Install and list supervised kernels."""


@command.command("install")
@click.option("--kernel", "kernels", multiple=True, metavar="NAME", help="The kernel to make a supervised one of; may be repeated. Default: python3.")
@click.option("--user", is_flag=True, help="Install for this user, in Jupyter's data folder.")
@click.option("--sys-prefix", is_flag=True, help="Install into this Python environment; the default in one.")
@click.option("--prefix", metavar="DIR", help="Install below this prefix.")
@globals_too
def install(options: Options, kernels: tuple[str, ...], user: bool, sys_prefix: bool, prefix: str | None) -> int:
    """Write a specification NAME-supervised beside each kernel's own. Safe to repeat."""
    from jupyter_client.kernelspec import KernelSpecManager

    from jupyter_mlsc.errors import UsageError
    from jupyter_mlsc.transfer import wrap_os_error

    if sum((user, sys_prefix, prefix is not None)) > 1:
        raise UsageError("--user, --sys-prefix and --prefix exclude each other", next_step="name one of them")
    if prefix is None and not user and (sys_prefix or sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ):
        prefix = sys.prefix
    manager = KernelSpecManager()
    written = []
    for name in kernels or ("python3",):
        spec = _find(manager, name)
        with tempfile.TemporaryDirectory(prefix="mlsc-") as scratch:
            folder = Path(scratch) / "spec"
            try:
                _compose(spec, folder)
                place = manager.install_kernel_spec(str(folder), name + SUFFIX, user=prefix is None, prefix=prefix)
            except OSError as err:
                raise wrap_os_error(err, name + SUFFIX, "written") from err
        written.append({"name": name + SUFFIX, "display_name": supervised_name(spec.display_name), "path": place})
        options.say(f"✓ {name + SUFFIX}: {supervised_name(spec.display_name)}, in {place}")
    options.document({"ok": True, "kernels": written})
    return 0


@command.command("list")
@globals_too
def list_all(options: Options) -> int:
    """List the kernels that are here, and which of them start supervised."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = KernelSpecManager().get_all_specs()
    rows = [
        {
            "name": name,
            "display_name": each["spec"]["display_name"],
            "language": each["spec"]["language"],
            "supervised": is_supervised(each["spec"].get("metadata", {})),
            "path": each["resource_dir"],
        }
        for name, each in sorted(found.items())
    ]
    for row in rows:
        options.say(f"{row['name']}: {row['display_name']}{' · supervised' if row['supervised'] else ''}")
    if not any(row["supervised"] for row in rows):
        options.advise("none of them starts supervised; next: mlsc kernels install")
    options.document({"ok": True, "kernels": rows})
    return 0


def supervised_name(display_name: str) -> str:
    """What a person chooses: "Python 3 (supervised)"."""
    return display_name.removesuffix(" (ipykernel)") + " (supervised)"


def _find(manager: Any, name: str) -> KernelSpec:
    from jupyter_client.kernelspec import NoSuchKernel

    from jupyter_mlsc.errors import UsageError

    try:
        spec: KernelSpec = manager.get_kernel_spec(name)
    except NoSuchKernel as err:
        here = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise UsageError(f"there is no kernel {name!r} here", next_step=f"name one of: {here}") from err
    if is_supervised(spec.metadata):
        raise UsageError(f"{name} starts supervised already", next_step="name the kernel that it was made from")
    return spec


def _compose(spec: KernelSpec, folder: Path) -> None:
    """A specification's folder with its logos, and the provisioner in its metadata."""
    from jupyter_mlsc.sandbox.kernel_specs import NAME

    if spec.resource_dir and os.path.isdir(spec.resource_dir):
        shutil.copytree(spec.resource_dir, folder)
    folder.mkdir(exist_ok=True)
    document = spec.to_dict()
    document["display_name"] = supervised_name(spec.display_name)
    document["metadata"] = {**spec.metadata, "kernel_provisioner": {"provisioner_name": NAME}}
    (folder / "kernel.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
