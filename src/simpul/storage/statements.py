"""Statements written in Core, compiled once, run on the driver: Core itself costs three to nine times a point read.

FIND = Statement(select(t.head.c.label).where(t.head.c.arrival == bindparam("arrival")))
session.one(FIND, arrival=7)
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from sqlalchemy import TableClause, func, insert, select
from sqlalchemy import bindparam as bindparam  # noqa: PLC0414  (one import line for the modules that write statements)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import ScalarSelect, Select

_NAMED: Final = sqlite.dialect(paramstyle="named")
_POSITIONAL: Final = sqlite.dialect(paramstyle="qmark")


class Statement:
    """One statement with named parameters. It is compiled when it is first used, so that importing costs nothing."""

    def __init__(self, core: ClauseElement | str) -> None:
        self._core = core

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any]]:
        if isinstance(self._core, str):
            return self._core, {}
        compiled = self._core.compile(dialect=_NAMED)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return str(compiled), constants

    @property
    def text(self) -> str:
        """What the driver gets."""
        return self._compiled[0]

    def values(self, given: dict[str, Any]) -> dict[str, Any]:
        """The parameters of one run: those given, and the constants that stand in the statement itself."""
        constants = self._compiled[1]
        return {**constants, **given} if constants else given


class Rows:
    """An insert of many rows, each a tuple in the order of the table's columns."""

    def __init__(self, table: TableClause) -> None:
        self._table = table

    @cached_property
    def text(self) -> str:
        """What the driver gets."""
        return str(insert(self._table).compile(dialect=_POSITIONAL))


def listed(name: str) -> ScalarSelect[Any]:
    """The elements of a parameter that is a JSON array, for `column.in_(listed("ids"))`: one statement for any length."""
    return _elements(name).scalar_subquery()


def _elements(name: str) -> Select[Any]:
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)
