"""A failure of this program on a partner's message is told apart from faults of the machine, and says no content."""

from __future__ import annotations

import logging
import sqlite3

import pytest

from simpul.errors import HomeBusy, StorageFull
from simpul.services.defects import DEFECTS, Defect


def test_a_failure_is_said_by_its_place_and_never_by_what_it_worked_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails() -> None:
        raise LookupError("canary-content")

    with caplog.at_level(logging.ERROR), pytest.raises(LookupError) as raised:
        fails()
    with caplog.at_level(logging.ERROR):
        fault = Defect.of(raised.value)
    assert (fault.code, "LookupError" in fault.message) == ("internal", True)
    assert "LookupError" in caplog.text
    assert "canary" not in fault.message + caplog.text


@pytest.mark.parametrize(
    "fault", [HomeBusy("x"), StorageFull("x"), OSError(28, "x"), MemoryError(), sqlite3.OperationalError("x")]
)
def test_what_the_machine_lacks_is_no_fault_of_a_message(fault: BaseException) -> None:
    assert not isinstance(fault, DEFECTS)
