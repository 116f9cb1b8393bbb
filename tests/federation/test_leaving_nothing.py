"""What leaves names nothing that is withheld, tells of no gap, and goes only while it was approved for."""

from __future__ import annotations

from typing import Any

import pytest

from simpul.domain.policy import Outcome
from simpul.domain.products import Precedence
from simpul.domain.releases import ReleaseState
from simpul.errors import ApprovalRefusal, PolicyRefusal
from simpul.services import drafting
from simpul.services.releasing import release
from simpul.services.times import rfc3339
from tests.federation.nations import Nation, World
from tests.federation.objects import indicator, label

OPEN = indicator("open", "203.0.113.7", description="for both")
SECRET = indicator("secret", "203.0.113.10", description="for nobody")
BOTH = ("Borealia", "Cendara")


@pytest.fixture
def with_a_secret(arunika: Nation) -> Nation:
    arunika.imports(label(), SECRET)
    arunika.imports(label(*BOTH), OPEN)
    return arunika


def drafted(nation: Nation, **stated: Any) -> Any:
    wanted: dict[str, Any] = {
        "title": "A product",
        "purpose": "cyber-defence",
        "precedence": Precedence.ROUTINE,
        "grade": "B2",
        "handling": "",
        "objects": (OPEN["id"],),
        "query": None,
        "portions": None,
        "label": None,
        "revises": None,
    }
    return drafting.draft(nation.node, nation.people["laras"], drafting.Draft(**(wanted | stated)))


@pytest.mark.parametrize("where", ["title", "handling"])
def test_a_withheld_id_on_the_cover_sheet_keeps_the_product_at_home(
    with_a_secret: Nation, borealia: Nation, where: str
) -> None:
    product = drafted(with_a_secret, **{where: f"see {SECRET['id']}"})
    (preview,) = with_a_secret.previews(product, borealia)
    assert (preview.portions[0].outcome, preview.portions[0].clause) == (Outcome.DENY, "reference.text")
    with pytest.raises(PolicyRefusal) as refused:
        with_a_secret.approves(product, borealia)
    assert refused.value.where == "reference.text"


def test_a_granted_id_on_the_cover_sheet_goes(with_a_secret: Nation, borealia: Nation) -> None:
    product = drafted(with_a_secret, title=f"About {OPEN['id']}")
    (preview,) = with_a_secret.previews(product, borealia)
    assert preview.portions[0].outcome is Outcome.PERMIT


def test_a_withheld_id_in_a_label_keeps_home_what_bears_it(with_a_secret: Nation, borealia: Nation) -> None:
    with_a_secret.marks(label(*BOTH) + f'handling_text = ["compare {SECRET["id"]}"]\n', OPEN)
    (preview,) = with_a_secret.previews(drafted(with_a_secret), borealia)
    assert [(o.outcome, o.clause) for o in preview.objects] == [(Outcome.DENY, "reference.text")]


def test_portions_are_numbered_for_each_recipient_without_a_gap(
    world: World, with_a_secret: Nation, borealia: Nation, cendara: Nation
) -> None:
    texts = [("one", BOTH), ("two", ("Borealia",)), ("three", ()), ("four", BOTH)]
    portions = "".join(f'[[portion]]\ntext = "{t}"\n[portion.label]\n{label(*to)}\n' for t, to in texts)
    product = drafted(with_a_secret, portions=with_a_secret.file(portions))
    with_a_secret.releases(product, borealia, cendara)
    world.exchange(2)
    for nation, got in ((borealia, ["one", "two", "four"]), (cendara, ["one", "four"])):
        with nation.node.store.read() as unit:
            (item,) = unit.mail.inbox()
        assert item.portions == tuple(enumerate(got, 1))


def test_an_approval_ends_with_the_first_date_that_it_read(
    world: World, with_a_secret: Nation, borealia: Nation
) -> None:
    soon = with_a_secret.now() + 60 * 1_000_000

    with_a_secret.marks(label(*BOTH) + f"expires = {rfc3339(soon)}\n", OPEN)
    product = drafted(with_a_secret)
    with_a_secret.approves(product, borealia)
    world.pass_time(61)
    with pytest.raises(ApprovalRefusal, match="date"):
        release(with_a_secret.node, with_a_secret.people["bima"], product.id, [borealia.party])


def test_a_product_of_which_only_the_title_could_go_is_refused(
    with_a_secret: Nation, borealia: Nation
) -> None:
    with pytest.raises(PolicyRefusal) as refused:
        with_a_secret.approves(drafted(with_a_secret, objects=(SECRET["id"],)), borealia)
    assert refused.value.where == "label.releasable-to"


def test_an_approval_is_for_all_recipients_or_for_none(
    with_a_secret: Nation, borealia: Nation, cendara: Nation
) -> None:
    with_a_secret.marks(label("Borealia"), OPEN)
    product = drafted(with_a_secret)
    with pytest.raises(PolicyRefusal):
        with_a_secret.approves(product, borealia, cendara)
    with with_a_secret.node.store.read() as unit:
        found = unit.products.release(product.id, 1, borealia.party)
        assert found is not None
        assert found.state is ReleaseState.FIXED
        assert unit.products.approvals(found.id) == []
