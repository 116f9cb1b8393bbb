"""Three nations that know and have agreed with each other, founded once and copied for each story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.federation.nations import Nation, People, World, befriend, copied, found

AtRest = tuple[Path, People]


@pytest.fixture(scope="session")
def strangers_at_rest(tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    folder = tmp_path_factory.mktemp("strangers")
    return folder, found(folder)


@pytest.fixture(scope="session")
def friends_at_rest(strangers_at_rest: AtRest, tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    folder, people = strangers_at_rest
    made = copied(folder, tmp_path_factory.mktemp("friends"), people)
    try:
        befriend(made)
        made.relay.terminate()
    finally:
        made.close()
    return made.folder, people


@pytest.fixture
def world(friends_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(friends_at_rest[0], tmp_path / "world", friends_at_rest[1])
    yield made
    made.close()


@pytest.fixture
def strangers(strangers_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(strangers_at_rest[0], tmp_path / "strangers", strangers_at_rest[1])
    yield made
    made.close()


@pytest.fixture
def arunika(world: World) -> Nation:
    return world.nations["Arunika"]


@pytest.fixture
def borealia(world: World) -> Nation:
    return world.nations["Borealia"]


@pytest.fixture
def cendara(world: World) -> Nation:
    return world.nations["Cendara"]
