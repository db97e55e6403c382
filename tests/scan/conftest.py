"""The corpus of the scanners' tests builds on the pickles and objects of the formats' tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "formats"))
