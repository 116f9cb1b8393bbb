"""What a person signs is what that person read: nobody changes the text between the reading and the signature."""

from __future__ import annotations

import pytest

from simpul.errors import ApprovalRefusal, InputFault, Refusal
from simpul.protocol.charters import CharterStep
from simpul.services.agreeing import show, sign_agreement
from simpul.services.chartering import show as show_circle
from simpul.services.chartering import sign_charter
from simpul.services.enrolling import add_user
from simpul.services.releasing import approve
from tests.federation.circles import RING, charter, founded, proposes, sends_step, signs, stands
from tests.federation.nations import APPROVER, PHRASE, Nation, World
from tests.federation.objects import agreement, indicator, label

ONE, TWO = indicator("read", "203.0.113.97"), indicator("unread", "203.0.113.98")


def test_an_agreement_is_signed_by_the_hash_of_the_text_that_was_read(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.proposes(agreement("Arunika", "Borealia", id="new", onward="none"))
    world.exchange(1)
    read = show(borealia.node, "new")
    arunika.proposes(agreement("Arunika", "Borealia", id="new", version=2, onward="free"))
    world.exchange(1)
    with pytest.raises(Refusal, match="came since"):
        sign_agreement(borealia.node, read.hash.hex(), "")
    newer = show(borealia.node, "new")
    assert sign_agreement(borealia.node, newer.hash.hex()[:12], "").version == 2


def test_an_approval_that_names_its_preview_is_for_nothing_else(arunika: Nation, borealia: Nation) -> None:
    arunika.imports(label("Borealia"), ONE, TWO)
    product = arunika.drafts(ONE)
    (shown,) = arunika.previews(product, borealia)

    def approves(previewed: str) -> int:
        (release,) = approve(
            arunika.node,
            arunika.people[APPROVER],
            product.id,
            [borealia.party],
            progress=lambda _: None,
            previewed=[previewed],
        )
        return release.objects

    arunika.drafts(ONE, TWO, revises=product.id)
    with pytest.raises(ApprovalRefusal, match="previewed"):
        approves(shown.policy.hex())
    (again,) = arunika.previews(product, borealia)
    assert approves(again.policy.hex()) == 2


def test_a_charter_that_waits_for_a_signature_is_not_pushed_aside(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    founded(world, "Arunika", "Borealia", "Cendara")
    proposes(cendara, charter("Arunika", "Borealia", "Cendara", title="honest"))
    cendara.sync()
    borealia.sync()
    read = show_circle(borealia.node, RING)
    proposes(arunika, charter("Arunika", "Borealia", title="Cendara is thrown out"))
    arunika.sync()
    borealia.sync()
    with pytest.raises(Refusal, match="another text"):
        sign_charter(borealia.node, RING, "", hash="00")
    assert sign_charter(borealia.node, RING, "", hash=read.hash.hex()).hash == read.hash


def test_nobody_outside_a_circle_puts_a_member_out_of_it(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    founded(world, "Arunika", "Borealia", id="northern", more="within = ['global']\n")
    proposes(arunika, charter("Arunika", "Cendara", id="global", more="circles = ['northern']\n"))
    world.exchange(1)
    signs(cendara, "global")
    world.exchange(4)
    sends_step(cendara, arunika, CharterStep(step="left", id="northern", epoch=9))
    cendara.sync()
    arunika.sync()
    assert stands(arunika, "northern")[1] == "in-force"


def test_two_names_that_read_alike_are_not_two_people(arunika: Nation) -> None:
    for name in (APPROVER.upper(), APPROVER.title()):
        with pytest.raises(InputFault, match="already"):
            add_user(arunika.node, name, "officer", PHRASE)
