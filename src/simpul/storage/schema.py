"""Making a realm's database, knowing it again, and bringing it up to this program.

A database says which *revision* its tables have and the *compatibility* number: the oldest program (by its own
`PROGRAM`) that may still write it. A new revision that older programs cannot live with raises both. Thus an old
program on a newer database stops, unless the newer revision says that it may go on; and a new program on an older
database migrates it, under the write lock, in one transaction.

Alembic is imported only when there is something to migrate.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from simpul.errors import HomeDamaged, HomeIncompatible
from simpul.storage import tables as t
from simpul.storage import tables_recall  # noqa: F401  (its tables stand on the same metadata)
from simpul.storage.connection import Connection

PROGRAM: Final = 1
"""What this program is, against a database's compatibility number."""

COMPATIBILITY: Final = 1
"""What a database of the newest revision asks of a program."""

REVISIONS: Final = ("0001", "0002")
"""Revisions of the tables that this program knows, oldest first; the files in `migrations/versions`."""

HASH_KEY_BYTES: Final = 32

_VERSION_TABLE: Final = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def create(connection: Connection, realm: str) -> None:
    """Make all tables in an empty file, in one transaction."""
    connection.run("BEGIN IMMEDIATE")
    try:
        for statement in statements():
            connection.run(statement)
        connection.run(_VERSION_TABLE)
        connection.run("INSERT INTO alembic_version VALUES (?)", (REVISIONS[-1],))
        connection.run_many("INSERT INTO identity VALUES (?, ?)", first_rows(realm))
        connection.run("INSERT INTO settled VALUES (0, 0)")
        connection.run("INSERT INTO frontier VALUES (0, x'')")
        connection.run("COMMIT")
    finally:
        connection.roll_back()


def statements() -> list[str]:
    """The statements that make the newest revision's tables."""
    dialect = sqlite.dialect()
    made: list[str] = []
    for table in t.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        ordered = sorted(table.indexes, key=lambda index: str(index.name))
        made.extend(str(CreateIndex(index).compile(dialect=dialect)) for index in ordered)
    return [*made, *t.WORDS]


def first_rows(realm: str) -> list[tuple[str, bytes]]:
    """What `identity` holds from the start."""
    return [
        ("realm", realm.encode()),
        ("compatibility", str(COMPATIBILITY).encode()),
        ("hash-key", secrets.token_bytes(HASH_KEY_BYTES)),
    ]


def recognise(connection: Connection, path: Path, realm: str) -> bytes:
    """Check that a database is this realm's and fit for this program, migrating it if needed.

    Returns:
        The key of its hashes.

    Raises:
        HomeIncompatible: a newer program's, or another realm's.
        HomeDamaged: no database of ours.
    """
    found = _identity(connection, path)
    asked = int(found["compatibility"])
    if asked > PROGRAM:
        raise HomeIncompatible(
            f"{path.name} was written by a newer program (it asks for {asked}, this is {PROGRAM})",
            input=str(path),
            do="install the newer version of simpul",
        )
    if found["realm"] != realm.encode():
        raise HomeIncompatible(
            f"{path.name} belongs to the realm '{found['realm'].decode()}', not to '{realm}'", input=str(path)
        )
    if _revision(connection) in REVISIONS[:-1]:
        migrate(connection)
    return found["hash-key"]


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest revision, in one transaction, as the only writer."""
    connection.run("BEGIN IMMEDIATE")
    try:
        if _revision(connection) in REVISIONS[:-1]:
            upgrade(connection, REVISIONS[-1])
        connection.run("COMMIT")
    finally:
        connection.roll_back()


def upgrade(connection: Connection, revision: str) -> None:
    """Run Alembic's steps up to a revision on an open transaction."""
    from alembic import command  # noqa: PLC0415  (a third of a second, and megabytes, that a start does without)
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415
    from sqlcipher3 import dbapi2  # noqa: PLC0415

    engine = create_engine(
        "sqlite://", module=dbapi2, creator=lambda: _Lent(connection.driver), poolclass=StaticPool
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as lent:
        config.attributes["connection"] = lent
        command.upgrade(config, revision)


class _Lent:
    """The driver's connection as SQLAlchemy may use it: whoever lent it commits, undoes and closes it."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def commit(self) -> None:
        """Left to the lender."""

    def rollback(self) -> None:
        """Left to the lender."""

    def close(self) -> None:
        """Left to the lender."""


def _identity(connection: Connection, path: Path) -> dict[str, bytes]:
    tables = connection.rows("SELECT name FROM sqlite_master WHERE name = 'identity'")
    found = dict(connection.rows("SELECT name, value FROM identity")) if tables else {}
    if not {"realm", "compatibility", "hash-key"} <= found.keys():
        raise HomeDamaged(f"{path.name} is no database of simpul", input=str(path))
    return found


def _revision(connection: Connection) -> str:
    found = connection.rows("SELECT version_num FROM alembic_version")
    return str(found[0][0]) if found else ""
