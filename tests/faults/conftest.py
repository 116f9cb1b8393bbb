"""Homes of three nations that were founded, introduced and agreed once, copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.hand import Hand
from tests.faults.nations import NAMES, Post, World, agree, found, introduce, world

SEEDS = 2
"""Kill campaigns of an ordinary run; `make soak` runs many."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=SEEDS, help="kill campaigns to run")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "campaign" in metafunc.fixturenames:
        metafunc.parametrize("campaign", range(metafunc.config.getoption("--seeds", default=SEEDS)))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Post]:
    """The homes, and the post as it was when they had agreed."""
    folder, post = tmp_path_factory.mktemp("nations"), Post()
    found(folder)
    with ExitStack() as stack:
        made = World(folder, post, stack)
        nodes = [made[name] for name in NAMES]
        introduce(nodes, folder)
        made.settle()
        agree(nodes[0], nodes[1], folder, made.settle, "arunika-borealia")
        agree(nodes[0], nodes[2], folder, made.settle, "arunika-cendara")
    return folder, post


@pytest.fixture
def nations(template: tuple[Path, Post], tmp_path: Path) -> Iterator[World]:
    folder, post = template
    fresh = Post()
    fresh.owner = dict(post.owner)
    with world(folder, tmp_path / "nations", fresh) as made:
        yield made


@pytest.fixture
def b(nations: World) -> Hand:
    """Borealia's own hand, writing to Arunika."""
    return Hand(world=nations, sender="borealia", to="arunika")


@pytest.fixture
def c(nations: World) -> Hand:
    """Cendara's."""
    return Hand(world=nations, sender="cendara", to="arunika")
