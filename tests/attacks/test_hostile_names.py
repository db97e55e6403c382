"""Names, cells and messages that come from an attacker are shown, never obeyed: no escape reaches a terminal, no markup a notebook."""

from __future__ import annotations

import os
import re

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.digests import measure
from jupyter_mlsc.display import verdict_html, verdict_text
from jupyter_mlsc.errors import BlockedArtifactError, MlscError
from jupyter_mlsc.trees import impact_html, impact_lines, lineage_html, lineage_lines
from jupyter_mlsc.verdict import summary
from tests.attacks.forgery import plant, provenance, stranger
from tests.conftest import Person

HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egpj.\u2066 \x9b31m\r<img src=x onerror=alert(1)>\n✓ all is well: allowed"
DANGEROUS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def assert_harmless(text: str) -> None:
    assert not DANGEROUS.search(text), ascii(DANGEROUS.findall(text))
    assert not any(line.startswith("✓ all is well") for line in text.splitlines())


@pytest.fixture
def hostile(ada: Person) -> str:
    """A data set with such a name, which nobody signed."""
    name = "data/" + HOSTILE.replace("/", "|") + ".csv"
    ada.write(name)
    return name


def test_verdicts_are_escaped_on_a_terminal_and_in_a_notebook(ada: Person, hostile: str) -> None:
    verdict = ada.verify(hostile)
    assert not verdict.allowed
    assert_harmless(verdict_text(verdict))
    assert_harmless(summary(verdict))
    html = verdict_html(verdict)
    assert_harmless(html)
    assert "<img" not in html


def test_errors_are_escaped(ada: Person, hostile: str) -> None:
    with pytest.raises(BlockedArtifactError) as blocked:
        ada.load(hostile)
    assert_harmless(str(blocked.value))
    for broken in (hostile + "-missing", hostile + "-fifo", hostile + "-folder", hostile + "-unknown"):
        if broken.endswith("fifo"):
            os.mkfifo(ada.root / broken)
        elif broken.endswith("folder"):
            (ada.root / broken).mkdir()
        elif broken.endswith("unknown"):
            ada.write(broken)
        with pytest.raises(MlscError) as caught:
            ada.load(broken)
        assert_harmless(str(caught.value))
        with pytest.raises(MlscError) as caught:
            ada.project.open(ada.root / broken, ada.new_run())
        assert_harmless(str(caught.value))


@pytest.mark.parametrize(
    "command",
    [("verify",), ("status",), ("log", "show"), ("policy", "explain", "{}"), ("lineage", "{}"), ("impact", "{}"), ("sign", "{}"), ("verify", "{}-not")],
)
def test_the_command_line_is_harmless(ada: Person, hostile: str, command: tuple[str, ...]) -> None:
    ada.sign(hostile)
    done = ada.mlsc(*(part.format(hostile) for part in command))
    assert_harmless(done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


def test_lineage_of_a_strangers_telling_is_harmless(ada: Person) -> None:
    """Cells, notebooks and runs in a statement that no known key signed."""
    ada.write("models/m.csv")
    plant(ada, provenance(ada, "models/m.csv", stranger(), cell_id=HOSTILE, notebook=HOSTILE, run=HOSTILE))
    node = ada.project.lineage(str(ada.root / "models/m.csv"), depth=2)
    assert node.origin is not None
    assert_harmless("\n".join(lineage_lines(node)))
    assert_harmless(lineage_html(node))
    assert "<img" not in lineage_html(node)
    done = ada.mlsc("lineage", "models/m.csv")
    assert_harmless(done.stdout + done.stderr)


def test_impact_of_a_strangers_telling_is_harmless(ada: Person) -> None:
    ada.write("models/m.csv")
    used = measure(ada.write("data/a.csv", "x\n1\n")).digest
    assert used is not None
    inputs = [(HOSTILE, used, predicates.InputBody(verdict=HOSTILE, verified=False, cell=HOSTILE))]
    plant(ada, provenance(ada, "models/m.csv", stranger(), cell_id=HOSTILE, notebook=HOSTILE, run=HOSTILE, inputs=inputs))
    impact = ada.project.impact(str(used), depth=2)
    assert impact.artifact.path == HOSTILE
    assert len(impact.artifact.outputs) == 1
    assert_harmless("\n".join(impact_lines(impact)))
    assert_harmless(impact_html(impact))
    assert "<img" not in impact_html(impact)
    for language in ("text", "mermaid", "dot"):
        done = ada.mlsc("impact", str(used), "--format", language)
        assert done.returncode == 0, done.stderr
        assert_harmless(done.stdout + done.stderr)


def test_a_claims_file_with_such_a_name_is_shown_harmlessly(signed_dataset: Person) -> None:
    signed_dataset.write(".mlsc/claims/" + HOSTILE.replace("/", "|") + ".jsonl", "{}\n")
    done = signed_dataset.mlsc("verify", "--full", "data/train.csv")
    assert done.returncode == 0
    assert_harmless(done.stdout + done.stderr)
