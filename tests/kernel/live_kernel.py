"""A real IPython kernel, spoken to as JupyterLab speaks to it: cells with ids, input requests answered, completions asked for."""

from __future__ import annotations

import os
import queue
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.kernelspec import KernelSpecManager

LONG = 120


@dataclass
class Output:
    """What one cell gave: streams, displays, the error, and what it asked."""

    status: str = "ok"
    streams: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    traceback: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    execution_count: int | None = None

    @property
    def text(self) -> str:
        return self.data.get("text/plain", "")

    @property
    def html(self) -> str:
        return self.data.get("text/html", "")

    @property
    def stderr(self) -> str:
        return self.streams.get("stderr", "")

    @property
    def stdout(self) -> str:
        return self.streams.get("stdout", "")


class LiveKernel:
    """Starts a kernel in a folder, with an environment of its own. Call `close`. ``specs`` is a folder of kernel specifications beside the usual ones."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *, kernel: str = "python3", specs: Path | None = None) -> None:
        found = KernelSpecManager() if specs is None else KernelSpecManager(kernel_dirs=[str(specs)])
        self.manager = KernelManager(kernel_name=kernel, kernel_spec_manager=found)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLSC_", "JPY_"))}
        self.manager.start_kernel(cwd=str(folder), env={**kept, **environ})
        self._connect()

    def _connect(self) -> None:
        self._client: BlockingKernelClient = self.manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LONG)

    def restart(self) -> None:
        self._client.stop_channels()
        self.manager.restart_kernel()
        self._connect()

    def close(self, *, now: bool = True) -> None:
        self._client.stop_channels()
        self.manager.shutdown_kernel(now=now)

    def interrupted(self, code: str) -> Output:
        """Run a cell that prints something and would not end by itself, and interrupt it when it has printed."""
        asked_for = self._client.execute(code)
        output = Output()
        sent = False
        while True:
            told = self._client.get_iopub_msg(timeout=LONG)
            if told["parent_header"].get("msg_id") != asked_for:
                continue
            if self._take(output, told):
                break
            if output.stdout and not sent:
                self.manager.interrupt_kernel()
                sent = True
        self._client.get_shell_msg(timeout=LONG)
        return output

    def run(self, code: str, *, cell: str | None = None, answers: list[str] | None = None) -> Output:
        """Run a cell. With ``answers`` the front end takes input, and answers with them in order."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": answers is not None, "stop_on_error": False}
        message = self._client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self._client.shell_channel.send(message)
        asked_for = message["header"]["msg_id"]
        output, waiting = Output(), list(answers or [])
        while True:
            if answers is not None:
                self._answer(output, waiting)
            try:
                told = self._client.get_iopub_msg(timeout=0.1 if answers is not None else LONG)
            except queue.Empty:
                if answers is None:
                    raise
                continue
            if told["parent_header"].get("msg_id") == asked_for and self._take(output, told):
                break
        reply = self._client.get_shell_msg(timeout=LONG)
        while reply["parent_header"].get("msg_id") != asked_for:  # an answer that came too late for somebody who no longer waited
            reply = self._client.get_shell_msg(timeout=LONG)
        output.status, output.execution_count = reply["content"]["status"], reply["content"].get("execution_count")
        return output

    def tell_widget(self, model: str, content: dict[str, Any]) -> None:
        """What a front end sends when somebody uses a widget: it runs between cells."""
        message = self._client.session.msg("comm_msg", {"comm_id": model, "data": {"method": "custom", "content": content}})
        self._client.shell_channel.send(message)

    def debug(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Ask the kernel's debugger, as JupyterLab's does; the body of its answer."""
        content = {"type": "request", "seq": 1, "command": command, "arguments": arguments}
        asked = self._client.session.msg("debug_request", content)
        self._client.control_channel.send(asked)
        while True:
            told = self._client.get_control_msg(timeout=LONG)
            if told["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
                assert told["content"]["success"], told["content"]
                body: dict[str, Any] = told["content"].get("body") or {}
                return body

    def complete(self, code: str) -> list[str]:
        """What Tab offers at the end of the code, as whole lines."""
        answer = self._client.complete(code, reply=True, timeout=LONG)["content"]
        return [code[: answer["cursor_start"]] + match for match in answer["matches"]]

    def _answer(self, output: Output, waiting: list[str]) -> None:
        try:
            question = self._client.get_stdin_msg(timeout=0)
        except queue.Empty:
            return
        output.asked.append(question["content"])
        self._client.input(waiting.pop(0))

    @staticmethod
    def _take(output: Output, told: dict[str, Any]) -> bool:
        content = told["content"]
        match told["msg_type"]:
            case "status":
                return bool(content["execution_state"] == "idle")
            case "stream":
                output.streams[content["name"]] = output.streams.get(content["name"], "") + content["text"]
            case "execute_result" | "display_data":
                output.data = content["data"]
            case "error":
                output.error, output.traceback = content["ename"], "\n".join(content["traceback"])
        return False
