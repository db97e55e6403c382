"""One case for each way in which a library writes and reads a file, joined from one file for each kind of library."""

from __future__ import annotations

import array_cases
import model_cases
import tabular_cases
from cases import Case

CASES: tuple[Case, ...] = (*array_cases.CASES, *tabular_cases.CASES, *model_cases.CASES)
