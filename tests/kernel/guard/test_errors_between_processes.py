"""Errors of this package travel between processes whole: what a pool's worker raises is what the notebook gets."""

from __future__ import annotations

import copy
import pickle

import pytest

from jupyter_mlsc.errors import BlockedArtifactError, DeniedGlobalError, GuardError, MlscError, PolicyError, UsageError
from jupyter_mlsc.formats.unpickling import DeniedUnpicklingError
from tests.conftest import Person


def raised(ada: Person) -> list[MlscError]:
    ada.write("data/stranger.csv")
    with pytest.raises(BlockedArtifactError) as blocked:
        ada.load("data/stranger.csv")
    return [
        blocked.value,
        DeniedUnpicklingError("a.pkl", "os.system", why="because", next_step="do this"),
        DeniedGlobalError("a.pkl", "os.system"),
        PolicyError("it is wrong", file="mlsc.toml", line=3),
        GuardError("it could not be checked", next_step="do that"),
        UsageError("no", next_step="yes"),
        *(kind("x", next_step="y") for kind in MlscError.__subclasses__() if kind.__init__ is MlscError.__init__),
    ]


def test_errors_are_pickled_and_copied_whole(ada: Person) -> None:
    made = raised(ada)
    assert len(made) > 10
    for error in made:
        for again in (pickle.loads(pickle.dumps(error)), pickle.loads(pickle.dumps(error, 2)), copy.copy(error), copy.deepcopy(error)):
            assert type(again) is type(error)
            assert str(again) == str(error)
            assert again.args == error.args
            assert vars(again) == vars(error)
            assert again.exit_code == error.exit_code
