"""Every implementation of the ports that the contract suites run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simpul.ports import Store
from simpul.storage.store import open_store

MakeStore = Callable[..., Store]
"""Opens the store of this test; a second call opens the same one again, as another process would."""

KEY = bytes(range(32))


def _encrypted(path: Path) -> Store:
    return open_store(path, KEY, realm="live", create=not path.exists())


def _unencrypted(path: Path) -> Store:
    return open_store(path, None, realm="live", create=not path.exists())


IMPLEMENTATIONS = {"sqlcipher": _encrypted, "sqlite": _unencrypted}


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    opened: list[Store] = []

    def make() -> Store:
        opened.append(IMPLEMENTATIONS[request.param](tmp_path / "live.db"))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store()
