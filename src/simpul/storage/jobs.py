"""`ports.Jobs` on tables. A claimed job comes back when its lease has run out: a killed worker loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, null, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.journal import Job
from simpul.errors import NotFound
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.statements import Statement, bindparam

_J: Final = t.job.c
_COLUMNS: Final = tuple(c for c in _J if c.name != "number")
_ADD: Final = Statement(
    upsert(t.job).values({c.name: bindparam(c.name) for c in _COLUMNS}).on_conflict_do_nothing()
)
_DUE: Final = (
    select(_J.number)
    .where(_J.run_at <= bindparam("now"), _J.lease_until.is_(None) | (_J.lease_until <= bindparam("now")))
    .order_by(_J.run_at, _J.number)
    .limit(bindparam("most"))
    .scalar_subquery()
)
_CLAIM: Final = Statement(
    update(t.job)
    .where(_J.number.in_(_DUE))
    .values(lease_until=bindparam("until"), attempts=_J.attempts + 1)
    .returning(_J.number, *_COLUMNS)
)
_FINISH: Final = Statement(delete(t.job).where(_J.id == bindparam("id")))
_DROP: Final = Statement(delete(t.job).where(_J.unique_name == bindparam("unique")))
_FAIL: Final = Statement(
    update(t.job)
    .where(_J.id == bindparam("of"))
    .values(error=bindparam("to_error"), run_at=bindparam("to_run_at"), lease_until=null())
)
_WAITING: Final = Statement(select(func.count()).select_from(t.job))


class JobRows:
    """Implements `ports.Jobs` in one unit."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add jobs; one whose `unique` is live already is not added again."""
        for job in jobs:
            values = msgspec.structs.asdict(job)
            values["unique_name"] = values.pop("unique")
            self._session.change(_ADD, **values)

    def claim(self, now: int, *, lease: int, limit: int) -> list[Job]:
        """Take due jobs for `lease` microseconds, the longest due first."""
        found = self._session.returning(_CLAIM, now=now, most=limit, until=now + lease)
        jobs = [(number, _job(row)) for number, *row in found]
        return [job for _, job in sorted(jobs, key=lambda each: (each[1].run_at, each[0]))]

    def finish(self, id: bytes) -> None:
        """Done."""
        self._session.change(_FINISH, id=id)

    def drop(self, unique: str) -> bool:
        """Forget work that is no longer wanted. Whether it was waiting."""
        return bool(self._session.change(_DROP, unique=unique))

    def fail(self, id: bytes, error: str, again_at: int) -> None:
        """Not done: kept with its error and tried again then. Raises `NotFound`."""
        if not self._session.change(_FAIL, of=id, to_error=error, to_run_at=again_at):
            raise NotFound("no such job", input=id.hex())

    def waiting(self) -> int:
        """Live jobs."""
        return int(self._session.all(_WAITING)[0][0])


def _job(row: Sequence[Any]) -> Job:
    named = dict(zip((c.name for c in _COLUMNS), row, strict=True))
    named["unique"] = named.pop("unique_name")
    return Job(**named)
