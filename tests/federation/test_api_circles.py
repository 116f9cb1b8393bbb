"""Circles over HTTP: each route does what its command does."""

from __future__ import annotations

from litestar.testing import TestClient

from simpul.api.routes import application
from tests.federation.circles import RING, charter, signs, stands
from tests.federation.nations import DRAFTER, Nation, World
from tests.federation.test_api_policy import Person


def test_a_circle_lives_through_the_api(world: World, arunika: Nation, borealia: Nation) -> None:
    with TestClient(application(arunika.node), raise_server_exceptions=False) as client:
        laras = Person(client, DRAFTER)
        assert laras.posts("/circles", text=charter("Arunika", "Borealia"))["state"] == "proposed"
        assert laras.refused(f"/circles/{RING}/sign") == (403, "refused")
        world.exchange(1)
        signs(borealia)
        world.exchange(3)
        (listed,) = laras.gets("/circles")
        assert (listed["circle"], listed["epoch"], listed["state"]) == (RING, 1, "in-force")
        assert laras.gets(f"/circles/{RING}")["terms"]["convener"] == arunika.party
        assert laras.posts(f"/circles/{RING}/leave")["state"] == "left"
        assert [each["epoch"] for each in laras.gets(f"/circles/{RING}/history")] == [2]
        assert laras.refused("/circles", text="id = 4")[1] == "bad-input"
    world.exchange(2)
    assert stands(borealia) == (2, "in-force")
