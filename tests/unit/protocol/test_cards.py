"""Cards: only the root signs them, versions only rise, revocations stay."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from simpul.errors import BadSignature, Malformed, Misdirected, NotUnderstood, Stale
from simpul.protocol import cards
from simpul.protocol.canonical import encode
from simpul.protocol.documents import EVERY_REALM, Document, parse_document, sign
from simpul.protocol.keys import SigningKey, fingerprint
from tests.unit.protocol.parties import ARUNIKA, BOREALIA, DAY, NOW, YEAR, drawn, realm_keys

CARD = ARUNIKA.card
NEW_ROOT = SigningKey(drawn("Arunika second root", 64))


def signed(card: cards.Card, *keys: SigningKey) -> Document:
    return sign(cards.KIND, EVERY_REALM, encode(card), *(keys or (ARUNIKA.root,)))


def test_a_first_card_is_named_by_its_root() -> None:
    card = cards.read(parse_document(ARUNIKA.document.encode()))
    assert card == CARD
    assert card.party == fingerprint(ARUNIKA.root.public)
    assert card.realm("live").log_key == ARUNIKA.log.public


def test_nobody_can_claim_anothers_name() -> None:
    forged = replace(CARD, root=BOREALIA.root.public.raw)
    with pytest.raises(BadSignature, match="root"):
        cards.read(signed(forged, BOREALIA.root))


def test_a_card_signed_by_anybody_but_the_root_is_refused() -> None:
    for keys in [(BOREALIA.root,), (ARUNIKA.signing,), (ARUNIKA.root, BOREALIA.root)]:
        with pytest.raises(BadSignature):
            cards.read(signed(CARD, *keys))


def test_a_renewed_card_follows_and_an_older_one_is_stale() -> None:
    document = cards.renew(
        ARUNIKA.root, CARD, now=NOW + DAY, not_after=NOW + 2 * YEAR, relays=["https://r2.example.org"]
    )
    newer = cards.follow(CARD, document)
    assert (newer.version, newer.relays, newer.party) == (2, ("https://r2.example.org",), CARD.party)
    assert cards.follow(newer, document) == newer
    with pytest.raises(Stale):
        cards.follow(newer, ARUNIKA.document)


def test_two_cards_of_one_version_are_not_both_taken() -> None:
    with pytest.raises(Stale):
        cards.follow(CARD, signed(replace(CARD, name="Arunika Raya")))


def test_a_new_root_needs_the_old_root_and_itself() -> None:
    good = cards.renew(ARUNIKA.root, CARD, now=NOW, not_after=NOW + YEAR, new_root=NEW_ROOT)
    changed = cards.follow(CARD, good)
    assert changed.root_key == NEW_ROOT.public
    assert changed.party == CARD.party
    for keys in [(NEW_ROOT,), (ARUNIKA.root,), (ARUNIKA.root, BOREALIA.root)]:
        with pytest.raises(BadSignature):
            cards.follow(CARD, signed(changed, *keys))
    third = cards.renew(NEW_ROOT, changed, now=NOW, not_after=NOW + YEAR)
    assert cards.read_chain([ARUNIKA.document, good, third]).version == 3
    with pytest.raises(BadSignature):
        cards.follow(changed, cards.renew(ARUNIKA.root, changed, now=NOW, not_after=NOW + YEAR))


def test_a_chain_starts_at_the_first_root() -> None:
    second = cards.renew(ARUNIKA.root, CARD, now=NOW, not_after=NOW + YEAR, new_root=NEW_ROOT)
    with pytest.raises(BadSignature):
        cards.read_chain([second])
    with pytest.raises(Malformed):
        cards.read_chain([])


def test_another_partys_card_does_not_follow() -> None:
    with pytest.raises(Misdirected):
        cards.follow(CARD, BOREALIA.document)


def test_a_revocation_cannot_be_taken_back() -> None:
    gone = cards.Revocation(key=ARUNIKA.signing.public.id, revoked_from=NOW)
    second = cards.follow(
        CARD, cards.renew(ARUNIKA.root, CARD, now=NOW, not_after=NOW + YEAR, revoked=[gone])
    )
    assert second.revoked == (gone,)
    with pytest.raises(Malformed, match="revocation"):
        cards.follow(second, signed(replace(second, version=3, revoked=())))


def test_a_signing_key_counts_only_while_it_is_valid_and_not_revoked() -> None:
    key_id = ARUNIKA.signing.public.id
    assert CARD.signer("live", key_id, NOW) == ARUNIKA.signing.public
    for at in (NOW - 2 * DAY, NOW + YEAR):
        with pytest.raises(Stale):
            CARD.signer("live", key_id, at)
    revoked = replace(CARD, revoked=(cards.Revocation(key=key_id, revoked_from=NOW),))
    assert revoked.signer("live", key_id, NOW - 1) == ARUNIKA.signing.public
    with pytest.raises(Stale, match="revoked"):
        revoked.signer("live", key_id, NOW)
    assert revoked.pair_of("live", key_id) == ARUNIKA.signing.public


def test_a_key_that_is_not_on_the_card_signs_nothing() -> None:
    with pytest.raises(BadSignature):
        CARD.signer("live", drawn("x"), NOW)
    with pytest.raises(BadSignature):
        CARD.pair_of("live", drawn("x"))


def test_a_realm_the_party_takes_no_part_in_is_misdirected() -> None:
    with pytest.raises(Misdirected):
        CARD.realm("exercise-1")


def test_a_card_is_current_within_its_dates() -> None:
    cards.check_current(CARD, NOW)
    for at in (NOW - 2 * DAY, NOW + YEAR):
        with pytest.raises(Stale):
            cards.check_current(CARD, at)


BAD_TAG = replace(
    realm_keys("Arunika", ARUNIKA.signing),
    contact=replace(CARD.realm("live").contact, tag=drawn("another tag", 16)),
)
SHORT_PREKEY = replace(
    realm_keys("Arunika", ARUNIKA.signing),
    contact=replace(CARD.realm("live").contact, prekey=drawn("short", 100)),
)


@pytest.mark.parametrize(
    "change",
    [
        {"party": "x" * 50},
        {"party": CARD.party[:-1]},
        {"version": 0},
        {"realms": ()},
        {"realms": (CARD.realms[0], CARD.realms[0])},
        {"realms": (BAD_TAG,)},
        {"realms": (replace(CARD.realms[0], realm="Live!"),)},
        {"realms": (SHORT_PREKEY,)},
        {"realms": (replace(CARD.realms[0], signing=()),)},
        {"realms": (replace(CARD.realms[0], log=b"short"),)},
        {"root": b"short"},
    ],
)
def test_a_card_that_is_not_as_it_must_be_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        cards.read(signed(replace(CARD, **change)))


def test_a_card_with_an_unknown_field_is_not_understood() -> None:
    payload = ARUNIKA.document.payload[:-1] + b',"zzz":1}'
    with pytest.raises(NotUnderstood):
        cards.read(sign(cards.KIND, EVERY_REALM, payload, ARUNIKA.root))


def test_a_document_of_another_kind_is_no_card() -> None:
    with pytest.raises(Misdirected):
        cards.read(sign("agreement", EVERY_REALM, ARUNIKA.document.payload, ARUNIKA.root))
