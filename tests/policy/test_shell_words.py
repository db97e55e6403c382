"""Shell text as commands, and what of it is an install: what a person would read there is read, and what only a shell can know is not invented."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlsc.policy.installing import requests_in
from jupyter_mlsc.policy.shell_words import commands_of

READ = {
    "true; pip install a": ["a"],
    "cd x\npip install a": ["a"],
    "true # pip install b\npip install a": ["a"],
    "pip install a # b": ["a"],
    "pip install a > log 2>&1 < in": ["a"],
    "pip install \\\n  a \\\n  b": ["a", "b"],
    "if true; then pip install a; else sudo -H pip3.11 install b; fi": ["a", "b"],
    "for p in a b; do pip install $p; done": ["$p"],
    "(pip install a) & { pip install b; }": ["a", "b"],
    "PIP_NO_INPUT=1 python -m pip install a": ["a"],
    "bash -c 'pip install a'": ["a"],
    "sudo bash -lc \"sh -c 'pip install a'\"": ["a"],
    "cat <<'EOF'\nit's odd\nEOF\npip install a": ["a"],
    "cat list | xargs pip install": ["$(xargs)"],
    "bash setup.sh": ["from-the-script"],
    "echo pip install a": [],
    "echo 'x; pip install a'": [],
    "pip download a": [],
    "# pip install a": [],
}


def asked(text: str) -> list[str]:
    found = requests_in(text, {"setup.sh": ["set -e", "pip install from-the-script"]}.get)
    return [each for request in found for each in (*request.written, *request.unknown)]


@pytest.mark.parametrize("text", READ)
def test_installs_in_a_script_are_read(text: str) -> None:
    assert asked(text) == READ[text]


def test_scripts_that_start_each_other_come_to_an_end() -> None:
    assert requests_in("bash a.sh", lambda _: ["bash a.sh", "pip install a"])[0].written == ("a",)


@settings(deadline=None)
@given(st.text(alphabet="pipinstal \n\t;|&<>()'\"\\\\#$x=-", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert all("\n" not in word or "'" in text or '"' in text or "\\" in text for command in commands_of(text) for word in command)
    requests_in(text, lambda _: None)
