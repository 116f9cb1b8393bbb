"""A partner with a known card that releases what it should not: only what proves itself and is agreed gets in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest
import zstandard
from msgspec.structs import replace

from simpul.cli.main import run
from simpul.domain.labels import Label, Tlp
from simpul.domain.queries import HOME
from simpul.domain.releases import OBJECT, PASSED
from simpul.formats.label_extension import LABEL_EXTENSION
from simpul.protocol.canonical import encode
from simpul.protocol.documents import sign
from simpul.protocol.framing import blob
from simpul.protocol.labels import to_wire
from simpul.protocol.payloads import (
    Acks,
)
from simpul.protocol.release import _Entry, _Index
from simpul.services.marking import mark_objects
from simpul.services.quarantining import admit_quarantined, refuse_quarantined
from simpul.services.reading import find, node_status, open_product
from simpul.services.receiving import Fate, receive
from simpul.services.sighting import sight
from tests.faults.aftermath import check_well, quarantined, stored
from tests.faults.command import call
from tests.faults.hand import STRANGER, Forged, Hand
from tests.faults.nations import (
    World,
    label_text,
    numbered_indicator,
    released,
    take_in,
)

FAR = 2**53 - 1


def relabelled(b: Hand, label: Label) -> Forged:
    """Leaves under one label, a manifest that shows another in its table."""
    forged = b.forge([numbered_indicator(1)])
    said = replace(forged.manifest, labels=(to_wire(label),))
    table = said.label_hashes[0]
    leaves = tuple((replace(leaf, label=table), body) for leaf, body in forged.leaves)
    document = sign("manifest", "live", encode(said), b.key)
    return replace(forged, manifest=said, document=document, leaves=leaves)


def edited(b: Hand) -> Forged:
    forged = b.forge([numbered_indicator(1)])
    leaf, body = forged.leaves[1]
    changed = body.replace(b"198.51", b"203.51")
    return replace(forged, leaves=(forged.leaves[0], (leaf, changed)))


REFUSED: dict[str, Callable[[Hand], Forged]] = {
    "anothers-manifest": lambda b: b.forge([numbered_indicator(1)], originator=b.world["cendara"].party),
    "our-own-manifest": lambda b: b.forge([numbered_indicator(1)], originator=b.world["arunika"].party),
    "a-strangers-signature": lambda b: b.forge([numbered_indicator(1)], signer=STRANGER),
    "a-label-made-wider-afterwards": lambda b: relabelled(b, b.label(tlp=Tlp.CLEAR)),
    "bytes-edited-afterwards": edited,
    "for-somebody-else": lambda b: b.forge(
        [numbered_indicator(1)],
        label=b.label(releasable_to=frozenset({frozenset({b.world["cendara"].party})})),
    ),
    "another-agreement-in-the-manifest": lambda b: b.forge([numbered_indicator(1)], agreement=bytes(32)),
    "more-entries-than-leaves": lambda b: b.forge([numbered_indicator(1)], entries=9),
    "more-parts-than-entries": lambda b: b.forge([numbered_indicator(1)], parts=900),
    "a-label-without-end": lambda b: b.forge(
        [numbered_indicator(1)], label=b.label(obligations=frozenset({"o" * 70_000}))
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_release_that_is_not_what_it_says_leaves_nothing(nations: World, b: Hand, name: str) -> None:
    received = b.send(b.release(REFUSED[name](b)))
    assert (received.admitted, received.quarantined) == (0, 0)
    assert stored(nations) == 0
    assert node_status(nations["arunika"])["quarantine_waiting"] == 0
    nations.settle()
    outcomes = [r.outcome for r in nations_receipts(nations)]
    assert outcomes == ["refused"], "its sender is told, by a signed receipt"
    check_well(nations)


def nations_receipts(nations: World) -> list[Any]:
    with nations["borealia"].store.read() as unit:
        return list(unit.mail.receipts())


KEPT_APART: dict[str, Callable[[Hand], Any]] = {
    "a-view-that-names-who-may-not-know": lambda b: b.release(
        b.forge(
            [numbered_indicator(1)], label=b.label(not_releasable_to=frozenset({b.world["cendara"].party}))
        )
    ),
    "above-the-ceiling": lambda b: b.release(b.forge([numbered_indicator(1)], label=b.label(tlp=Tlp.RED))),
    "without-its-duties": lambda b: b.release(b.forge([numbered_indicator(1)], obligations=())),
    "a-purpose-not-agreed": lambda b: b.release(b.forge([numbered_indicator(1)], purpose="gossip")),
    "an-agreement-nobody-signed": lambda b: b.release(
        b.forge([numbered_indicator(1)], agreement=b"\1" * 32), agreement=b"\1" * 32
    ),
    "an-expired-label": lambda b: b.release(b.forge([numbered_indicator(1)], label=b.label(expires=1))),
    "a-marking-nobody-knows": lambda b: b.release(
        b.forge(
            [
                numbered_indicator(
                    1, object_marking_refs=["marking-definition--22222222-2222-4222-8222-222222222222"]
                )
            ]
        )
    ),
}


@pytest.mark.parametrize("name", KEPT_APART)
def test_what_is_not_plainly_admissible_waits_for_a_reviewer(nations: World, b: Hand, name: str) -> None:
    received = b.send(KEPT_APART[name](b))
    assert (received.admitted, received.quarantined, received.refused) == (0, 1, 0)
    assert stored(nations) == 0
    (item,) = quarantined(nations)
    assert item.reasons
    refuse_quarantined(nations["arunika"], nations.signer("arunika", "ana"), item.id.hex())
    assert stored(nations) == 0
    check_well(nations)


def test_a_reviewer_who_admits_it_does_not_widen_its_label(nations: World, b: Hand) -> None:
    b.send(b.release(b.forge([numbered_indicator(1)], label=b.label(tlp=Tlp.RED), obligations=())))
    admit_quarantined(nations["arunika"], nations.signer("arunika", "ana"), quarantined(nations)[0].id.hex())
    (shown,) = find(nations["arunika"], numbered_indicator(1)["id"], modified=None, originator=None)
    assert "TLP:RED" in shown.label[0]
    assert "onward none" in shown.label[0]
    check_well(nations)


def test_an_agreement_of_others_lets_nothing_in(nations: World, b: Hand, c: Hand) -> None:
    received = b.send(
        b.release(b.forge([numbered_indicator(1)], agreement=c.agreement), agreement=c.agreement)
    )
    assert received.objects == received.refused == 1


@pytest.mark.parametrize(
    ("decided", "created"), [(5, 10), (0, 0), (-1, 5), (1_500_000_000_000_000, 1_500_000_000_000_001)]
)
def test_a_decision_from_before_the_agreement_lets_nothing_in(
    nations: World, b: Hand, decided: int, created: int
) -> None:
    received = b.send(b.release(b.forge([numbered_indicator(1)])), decided_at=decided, created=created)
    assert received.admitted == 0
    assert stored(nations) == 0
    check_well(nations)


INVALID = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "no-members": b"{}",
    "no-utf-8": b"\xff\xfe",
    "lone-surrogate": b'{"type":"\\ud800"}',
    "type-is-a-number": b'{"type":1}',
    "duplicate-key": b'{"type":"indicator","type":"x"}',
    "brackets-that-do-not-pair": b'{"a":1]',
    "nan": b"NaN",
    "over-deep": b'{"type":"x-a","a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "id-without-end": json.dumps({"type": "x-" + "a" * 250, "id": "x-" + "a" * 250 + "--1"}).encode(),
    "portions-without-end": json.dumps(
        numbered_indicator(
            1,
            labels=[f"l{n}" for n in range(20_000)],
            granular_markings=[
                {
                    "marking_ref": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
                    "selectors": [f"labels.[{n}]"],
                }
                for n in range(20_000)
            ],
        )
    ).encode(),
    "year-zero": json.dumps(numbered_indicator(1, modified="0000-01-01T00:00:00Z")).encode(),
}


def test_objects_that_are_none_are_refused_one_by_one(nations: World, b: Hand) -> None:
    received = b.send(b.release(b.forge([*INVALID.values(), numbered_indicator(5)])))
    assert (received.admitted, received.refused) == (1, len(INVALID))
    check_well(nations)


def test_an_object_with_more_portions_than_are_stored_does_not_stop_the_node(nations: World, b: Hand) -> None:
    count = 5_000
    refs = [
        {
            "marking_ref": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
            "selectors": [f"labels.[{n}]"],
        }
        for n in range(count)
    ]
    many = numbered_indicator(1, labels=[f"l{n}" for n in range(count)], granular_markings=refs)
    assert b.send(b.release(b.forge([many]))).fate is Fate.TAKEN
    check_well(nations)


def definition(**said: Any) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": "marking-definition--33333333-3333-4333-8333-333333333333",
        "created": "2026-01-01T00:00:00.000Z",
        **said,
    }


EXTENSION = {"extension_type": "property-extension"}
DEFINITIONS: dict[str, dict[str, Any]] = {
    "a-statement-without-end": {"definition_type": "statement", "definition": {"statement": "s" * 500_000}},
    "a-statement-of-control-characters": {
        "definition_type": "statement",
        "definition": {"statement": "\x01" * 40_000},
    },
    "expires-beyond-reach": {
        "extensions": {LABEL_EXTENSION: {**EXTENSION, "expires": "9999-12-31T00:00:00Z"}}
    },
    "retention-beyond-reach": {"extensions": {LABEL_EXTENSION: {**EXTENSION, "retention_days": FAR}}},
    "negative-retention": {"extensions": {LABEL_EXTENSION: {**EXTENSION, "retention_days": -1}}},
    "wrong-types": {"extensions": {LABEL_EXTENSION: {**EXTENSION, "purposes": [1], "tlp": {}}}},
    "names-without-end": {
        "extensions": {LABEL_EXTENSION: {**EXTENSION, "topics": [f"topic {n}" for n in range(20_000)]}}
    },
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_marking_that_nobody_can_obey_does_not_spoil_the_store(nations: World, b: Hand, name: str) -> None:
    said = definition(**DEFINITIONS[name])
    b.send(b.release(b.forge([said, numbered_indicator(1, object_marking_refs=[said["id"]])])))
    for item in quarantined(nations):
        admit_quarantined(nations["arunika"], nations.signer("arunika", "ana"), item.id.hex())
    with nations["arunika"].store.read() as unit:
        assert unit.objects.labels(HOME)
    check_well(nations)


# Bombs.


@pytest.mark.parametrize("length", [1 << 20, 8 << 20, 1 << 30, FAR])
def test_what_would_grow_without_end_is_refused_before_it_grows(nations: World, b: Hand, length: int) -> None:
    forged = b.forge([numbered_indicator(1)])
    bomb = zstandard.ZstdCompressor(level=1).compress(bytes(256 << 20))
    index = _Index(part=0, start=0, entries=(_Entry(0, 0, length),))
    payload = blob(encode(index)) + blob(forged.document.encode()) + bytes(32) + blob(bomb)
    received = b.send(b.content("release", payload, length=length))
    assert received.objects == 0
    assert "malformed" in received.problem
    check_well(nations)


@pytest.mark.parametrize("kind", ["release", "sighting", "feedback"])
@pytest.mark.parametrize("payload", [b"", b"\0\0\0\2{}", b"\xff\xff\xff\xff", b"\0\0\0\1\xff" * 1000])
def test_content_that_does_not_parse_is_refused_and_does_not_spoil_what_is_shown(
    nations: World, b: Hand, kind: str, payload: bytes
) -> None:
    assert b.send(b.content(kind, payload)).problem
    assert node_status(nations["arunika"])["feedback"] == []
    check_well(nations)


def test_oversize_messages_and_envelopes_are_refused(nations: World, b: Hand) -> None:
    assert b.send(b.content("feedback", b"x" * 100_000)).fate is Fate.FAULTY
    assert b.say(Acks(), kind="k" * 20_000).fate is Fate.FAULTY
    assert b.say(Acks(), extra={f"k{n}": "v" * 100 for n in range(1_000)}).fate is Fate.FAULTY
    assert receive(nations["arunika"], os.urandom(13 << 20)).fate is Fate.FAULTY
    check_well(nations)


# Ids that are ours.


def test_a_partner_never_overwrites_or_shadows_our_object(nations: World, b: Hand) -> None:
    arunika, ours = nations["arunika"], numbered_indicator(1)
    take_in(arunika, nations.folder, [ours], label_text(["borealia"]))
    b.send(b.release(b.forge([ours | {"name": "theirs", "modified": "2027-01-01T00:00:00.000Z"}, ours])))
    shown = find(arunika, ours["id"], modified=None, originator="Arunika")
    assert [(s.title, s.originator_name) for s in shown] == [(ours["name"], "Arunika")]
    assert len(find(arunika, ours["id"], modified=None, originator=None)) == 3
    product = released(nations, "arunika", ["borealia"], query=f"id:{ours['id']}")
    with arunika.store.read() as unit:
        release = unit.products.release(product.id, 1, nations["borealia"].party)
        assert release is not None
        leaves = [leaf for leaf, _ in unit.products.leaves(release.id, 0, release.entries) if leaf.key]
    given = {(leaf.key.originator, leaf.kind) for leaf in leaves if leaf.key}
    assert given == {(arunika.party, OBJECT), (nations["borealia"].party, PASSED)}, (
        "theirs goes back as theirs"
    )
    check_well(nations)


def test_to_see_our_own_object_tells_nobody_who_bears_its_id_too(nations: World, b: Hand) -> None:
    arunika, ours = nations["arunika"], numbered_indicator(1)
    take_in(arunika, nations.folder, [ours], label_text(["borealia"]))
    b.send(b.release(b.forge([ours | {"modified": "2027-01-01T00:00:00.000Z"}])))
    seen = sight(arunika, nations.signer("arunika", "ana"), ours["id"], times=1, when=None, quiet=False)
    assert seen.sent == []


def test_a_sighting_goes_to_who_released_an_indicator_first(nations: World, b: Hand, c: Hand) -> None:
    theirs = numbered_indicator(1)
    b.send(b.release(b.forge([theirs])))
    c.send(c.release(c.forge([theirs | {"modified": "2027-01-01T00:00:00.000Z"}])))
    signer = nations.signer("arunika", "ana")
    seen = sight(nations["arunika"], signer, theirs["id"], times=1, when=None, quiet=False)
    assert seen.sent == [nations["borealia"].party]


def test_a_product_keeps_its_id_against_a_later_sender(nations: World, b: Hand, c: Hand) -> None:
    b.send(b.release(b.forge([numbered_indicator(1)], sheet={"title": "The true one"})))
    c.send(c.release(c.forge([numbered_indicator(2)], version=99, sheet={"title": "Another"})))
    item = open_product(nations["arunika"], "product--5f0c9b1e-0000-4000-8000-000000000001")
    assert (item.sender_name, item.title) == ("Borealia", "The true one")


def test_a_partner_does_not_say_what_our_markings_mean(nations: World, b: Hand) -> None:
    arunika = nations["arunika"]
    said = definition(definition_type="statement", definition={"statement": "free for all"})
    secret = numbered_indicator(1, object_marking_refs=[said["id"]])
    take_in(arunika, nations.folder, [secret], label_text(["borealia"]))
    green = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
    muddled = definition(id=green, definition_type="x-foo", definition={"foo": "bar"})
    assert b.send(b.release(b.forge([said, muddled]))).admitted == 2
    label = nations.folder / "label.toml"
    label.write_text(label_text(["borealia"]))
    mark_objects(arunika, ids=[secret["id"]], query=None, label=label, by="ana")
    (shown,) = find(arunika, secret["id"], modified=None, originator=None)
    assert "unreadable" in shown.label[0]
    plain = numbered_indicator(2, object_marking_refs=[green])
    take_in(arunika, nations.folder, [plain], label_text(["borealia"]))
    (shown,) = find(arunika, plain["id"], modified=None, originator=None)
    assert "unreadable" not in shown.label[0]


def test_what_came_from_a_partner_shows_no_control_characters_unescaped(nations: World, b: Hand) -> None:

    b.send(b.release(b.forge([numbered_indicator(1)], sheet={"title": "\x1b[2J\x07evil"})))
    assert call(nations.folder / "arunika", "inbox").document[0]["title"] == "\x1b[2J\x07evil"
    shown = plain_text(nations, "inbox")
    assert "evil" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def plain_text(nations: World, *words: str) -> str:

    out = StringIO()
    with redirect_stdout(out), pytest.raises(SystemExit):
        run(["--home", str(nations.folder / "arunika"), *words])
    return out.getvalue()
