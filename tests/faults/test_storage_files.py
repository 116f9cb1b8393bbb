"""What can be wrong with a realm's file: no room, a wrong key, another program's version, a torn page, no permission."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from simpul.domain.queries import EVERYTHING, HOME
from simpul.errors import (
    HomeDamaged,
    HomeFault,
    HomeIncompatible,
    HomeLocked,
    InputFault,
    NotFound,
    StorageFull,
)
from simpul.storage import schema
from simpul.storage.connection import connect
from simpul.storage.store import SqliteStore, open_store
from tests.contract.conftest import KEY
from tests.contract.stored_things import HERE, marked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "live.db"
    with open_store(path, KEY, realm="live", create=True) as store:
        fill(store, range(200))
    return path


def fill(store: SqliteStore, numbers: range, *, size: int = 400) -> None:
    with store.write() as unit:
        unit.directory.count("filled", 1)
        unit.objects.add([marked(n, salt="x" * size) for n in numbers], source=HERE, at=1)


def execute(path: Path, *statements: str) -> None:
    connection = connect(path, KEY, wait_seconds=1)
    for statement in statements:
        connection.run(statement)
    connection.truncate_log()
    connection.close()


# -- room ----------------------------------------------------------------------------------------------------


def test_a_full_disk_undoes_the_whole_change_and_the_next_one_works(path: Path) -> None:
    with open_store(path, KEY, realm="live") as store:
        limit = store._writer.rows("PRAGMA page_count")[0][0] + 4
        store._writer.rows(f"PRAGMA max_page_count = {limit}")
        with pytest.raises(StorageFull):
            fill(store, range(200, 400), size=4000)
        store._writer.rows("PRAGMA max_page_count = 1000000")
        with store.read() as unit:
            assert unit.objects.count(HOME, EVERYTHING) == 200
            assert unit.directory.counters() == {"filled": 1}
        fill(store, range(200, 210))
        with store.read() as unit:
            assert unit.objects.count(HOME, EVERYTHING) == 210


def test_a_caller_that_goes_on_after_a_full_disk_commits_nothing(path: Path) -> None:
    with open_store(path, KEY, realm="live") as store:
        limit = store._writer.rows("PRAGMA page_count")[0][0] + 4
        store._writer.rows(f"PRAGMA max_page_count = {limit}")
        with pytest.raises(StorageFull):
            _go_on(store)
        with store.read() as unit:
            assert unit.directory.counters() == {"filled": 1}


def _go_on(store: SqliteStore) -> None:
    """A caller that takes no notice of a full disk."""
    with store.write() as unit:
        unit.directory.count("before", 1)
        with pytest.raises(StorageFull):
            unit.objects.add([marked(n, salt="y" * 4000) for n in range(200, 400)], source=HERE, at=1)
        store._writer.rows("PRAGMA max_page_count = 1000000")
        with pytest.raises(StorageFull):
            unit.directory.count("after", 1)


@contextmanager
def small_disk(folder: Path) -> Iterator[type[HomeFault]]:
    """A file system of 4 MB, or, without the right to mount one, files that may not grow beyond that.

    Gives the error to expect: the second is no full disk, but the same refusal by the system.
    """
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        yield StorageFull
        subprocess.run(["umount", str(folder)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, before[1]))
    yield HomeFault
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_real_disk_that_runs_full_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path) as expected:
        path = tmp_path / "live.db"
        stored: list[int] = []
        with open_store(path, KEY, realm="live", create=True) as store:
            with pytest.raises(expected):
                _fill_up(store, stored)
            with store.read() as unit:
                assert unit.objects.count(HOME, EVERYTHING) == len(stored)
        with open_store(path, KEY, realm="live") as store, store.read() as unit:
            assert unit.objects.count(HOME, EVERYTHING) == len(stored)
            assert len(list(unit.objects.stream(HOME, EVERYTHING, latest=False))) == len(stored)


def _fill_up(store: SqliteStore, stored: list[int]) -> None:
    for first in range(0, 10_000, 100):
        fill(store, range(first, first + 100))
        stored.extend(range(first, first + 100))


# -- keys, damage, permissions -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [bytes(32), None, b"short"])
def test_a_wrong_key_opens_nothing(path: Path, key: bytes | None, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HomeLocked) as caught:
        open_store(path, key, realm="live")
    assert "live.db" in caught.value.message
    assert capfd.readouterr().err == ""


def test_a_flipped_bit_anywhere_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(5000, len(whole), len(whole) // 7):
        content = bytearray(whole)
        content[at] ^= 1
        path.write_bytes(content)
        with pytest.raises(HomeFault) as caught:
            _read_every_page(path)
        assert str(path) in str(caught.value.input)


def test_a_truncated_file_is_noticed(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(HomeFault):
        _read_every_page(path)


def _read_every_page(path: Path) -> None:
    """As a check of the whole file does; a reader meets a torn page when it needs it."""
    with open_store(path, KEY, realm="live") as store:
        rows = store._writer.rows("PRAGMA integrity_check")
        problems = [*store._writer.rows("PRAGMA cipher_integrity_check"), *(r for r in rows if r != ("ok",))]
        if problems:
            raise HomeDamaged(str(problems), input=str(path))


def test_a_file_of_something_else_is_no_database_of_ours(tmp_path: Path) -> None:
    other = tmp_path / "live.db"
    connection = dbapi2.connect(str(other))
    connection.execute("CREATE TABLE something (a)")
    connection.commit()
    connection.close()
    with pytest.raises(HomeDamaged):
        open_store(other, None, realm="live")


def test_a_missing_file_is_not_made_and_an_existing_one_not_overwritten(path: Path) -> None:
    with pytest.raises(NotFound):
        open_store(path.with_name("other.db"), KEY, realm="live")
    assert not path.with_name("other.db").exists()
    with pytest.raises(InputFault):
        open_store(path, KEY, realm="live", create=True)


def test_only_its_owner_reads_the_file(path: Path) -> None:
    with open_store(path, KEY, realm="live") as store:
        fill(store, range(200, 201))
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}


# -- versions and realms -------------------------------------------------------------------------------------


def test_an_old_program_stops_at_a_newer_database(path: Path) -> None:
    execute(path, "UPDATE identity SET value = x'393939' WHERE name = 'compatibility'")  # 999
    with pytest.raises(HomeIncompatible) as caught:
        open_store(path, KEY, realm="live")
    assert "newer program" in caught.value.message
    assert caught.value.do


def test_an_old_program_goes_on_where_a_newer_revision_allows_it(path: Path) -> None:
    execute(
        path,
        "UPDATE alembic_version SET version_num = '0999'",
        "ALTER TABLE setting ADD COLUMN later TEXT DEFAULT ''",
    )
    with open_store(path, KEY, realm="live") as store, store.read() as unit:
        assert unit.objects.count(HOME, EVERYTHING) == 200


def test_a_database_of_another_realm_is_refused(path: Path) -> None:
    with pytest.raises(HomeIncompatible) as caught:
        open_store(path, KEY, realm="exercise")
    assert "live" in caught.value.message


def test_the_revisions_are_those_of_the_migrations() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(walked)) == schema.REVISIONS


def test_migrating_makes_the_tables_that_creating_makes(tmp_path: Path, path: Path) -> None:
    connection = connect(tmp_path / "migrated.db", KEY, wait_seconds=1)
    connection.run("BEGIN IMMEDIATE")
    schema.upgrade(connection, schema.REVISIONS[-1])
    connection.run("COMMIT")
    created = connect(path, KEY, wait_seconds=1)
    shapes = [
        {name: "".join(str(sql).split()) for name, sql in each.rows("SELECT name, sql FROM sqlite_master")}
        for each in (connection, created)
    ]
    connection.close()
    created.close()
    assert shapes[0] == shapes[1]


def test_opening_without_migrating_does_not_load_alembic(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from simpul.storage.store import open_store;"
        f"open_store(Path({str(path)!r}), bytes.fromhex('{KEY.hex()}'), realm='live').close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
