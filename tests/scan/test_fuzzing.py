"""The scanners on bytes that nobody thought of: no exception, no hang, and a call that is in there is found wherever it stands."""

from __future__ import annotations

import functools
import io
import pickle
import pickletools
import random

import hostile_files
import hostile_pickles
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlsc.scan.engine import scan_stream
from jupyter_mlsc.scan.finding import Finding, passes
from jupyter_mlsc.scan.limits import Limits

LIMITS = Limits(members=2000, unpacked=32 << 20, held=8 << 20, opcodes=2_000_000, text=4 << 20)
RELAXED = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
NAMES = ("m.pkl", "m.joblib", "m.pt", "m.npy", "m.npz", "m.zip", "m.tar", "m.keras", "m.h5", "m.onnx", "saved_model.pb", "m.gguf", "m.safetensors", "m.skops")
NAMES += ("m.pmml", "m.rds", "m.msgpack", "config.json", "m.yaml", "MLmodel", "requirements.txt", "x.pth", "kernel.json", "t.csv", "m.gz", "m.ipynb", "plain")
CALL = b"cposix\nsystem\n(S'true'\ntR"


def look(name: str, data: bytes) -> tuple[Finding, ...]:
    """A scan in this process, where an exception would be seen; what a real one does about them is `test_process`."""
    return scan_stream(name, io.BytesIO(data), limits=LIMITS)


@functools.cache
def _seeds() -> tuple[hostile_files.HostileFile, ...]:
    return tuple(each for each in hostile_files.hostile_files() if len(each.data) < 50_000)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut out, doubled, or put in from elsewhere."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(6):
            case 0:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del made[at : at + chance.randint(1, 40)]
            case 2:
                made[at:at] = made[at : at + chance.randint(1, 200)]
            case 3:
                made[at:at] = chance.randbytes(chance.randint(1, 8))
            case 4:
                made[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
            case 5:
                other = chance.choice(_seeds()).data
                start = chance.randrange(len(other) + 1)
                made[at:at] = other[start : start + chance.randint(1, 300)]
    return bytes(made)


def run_mutations(rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(rounds):
        each = chance.choice(_seeds())
        name = each.name if chance.random() < 0.7 else chance.choice(NAMES)
        found = look(name, mutated(each.data, chance))
        assert all(isinstance(one, Finding) for one in found)
        assert len(found) <= LIMITS.findings + 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_mutated_hostile_files_break_no_scanner() -> None:
    run_mutations(1500, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_mutated_hostile_files_break_no_scanner(seed: int) -> None:
    run_mutations(15_000, seed)


@RELAXED
@given(name=st.sampled_from(NAMES), data=st.binary(max_size=400))
def test_any_bytes_under_any_name_give_findings_or_none(name: str, data: bytes) -> None:
    assert all(isinstance(each, Finding) for each in look(name, data))


_OPCODES = st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes])
_STEPS = st.lists(st.tuples(_OPCODES, st.binary(max_size=5)).map(b"".join), max_size=60).map(b"".join)


@RELAXED
@given(before=_STEPS, behind=_STEPS, name=st.sampled_from(("m.pkl", "plain", "m.npy")))
def test_any_opcodes_are_walked(before: bytes, behind: bytes, name: str) -> None:
    assert all(isinstance(each, Finding) for each in look(name, b"\x80\x04" + before + behind))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=20,
)


@RELAXED
@given(value=_VALUES, protocol=st.integers(0, 5), where=st.floats(0, 1))
def test_a_call_is_found_between_any_honest_opcodes(value: object, protocol: int, where: float) -> None:
    """Put in where an opcode begins, and popped again, so that the pickle goes on as if nothing had been."""
    honest = pickle.dumps(value, protocol)
    assert look("m.pkl", honest) == ()
    starts = [at for opcode, _, at in pickletools.genops(honest) if at is not None and opcode.name not in ("PROTO", "FRAME")]
    at = starts[int(where * (len(starts) - 1))]
    inserted = honest[:at] + CALL + b"0" + honest[at:]
    assert "pickle-code" in {each.code for each in look("m.pkl", inserted)}
    assert not passes(look("plain", b"\x80\x02" + inserted))


@RELAXED
@given(word=st.sampled_from(sorted(hostile_pickles.hostile_pickles("x"))), carriers=st.lists(st.sampled_from(sorted(hostile_files.CARRIERS)), max_size=3))
def test_a_gadget_is_found_in_any_carriers_within_carriers(word: str, carriers: list[str]) -> None:
    data = hostile_pickles.hostile_pickles("x")[word].data
    # Of a legacy torch file only the pickle in it is read: what is no pickle there is read by nobody.
    carriers = [carrier for number, carrier in enumerate(carriers) if number == 0 or carrier != "t.ckpt"]
    for carrier in carriers:
        data = hostile_files.CARRIERS[carrier](data)
    assert not passes(look("m.pkl" if not carriers else carriers[-1], data))


def test_random_bytes_that_claim_nothing_are_hardly_ever_suspected() -> None:
    chance = random.Random(3)
    suspected = [data for data in (chance.randbytes(chance.randint(1, 3000)) for _ in range(5000)) if not passes(look("weights.bin", data))]
    assert len(suspected) <= 1
