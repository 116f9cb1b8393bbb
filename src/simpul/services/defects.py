"""Where this program is wrong about what a partner sent: one message must not stop the exchange with everybody else."""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path
from typing import Final

from simpul.errors import SimpulError

DEFECTS: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)
"""What Python raises where a program is wrong. Faults of the disk, the database or the memory are not among them."""

_log: Final = logging.getLogger(__name__)


class Defect(SimpulError):
    """This program failed on a message: it is refused, and the place is logged, never what it worked on."""

    code = "internal"

    @classmethod
    def of(cls, fault: Exception) -> Defect:
        """What is recorded and said of a failure."""
        frames = traceback.extract_tb(fault.__traceback__)
        ours = [frame for frame in frames if f"{os.sep}simpul{os.sep}" in frame.filename]
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown"
        _log.error("a message is refused because Simpul failed on it: %s at %s", type(fault).__name__, place)
        return cls(f"Simpul failed on it ({type(fault).__name__} at {place})", do="report this place")
