"""What was withheld, and what was kept apart and refused, is in no file of anybody who was not to have it."""

from __future__ import annotations

import json

from simpul.services.quarantining import refuse_quarantined
from simpul.services.reading import node_status
from tests.faults.hand import Hand
from tests.faults.nations import World, holders, label_text, numbered_indicator, released, take_in

WITHHELD = "zqwithheld4417"
REFUSED = "zqrefused9923"
ELSEWHERE = "zqelsewhere1102"


def test_what_is_withheld_reaches_no_file_of_another_nation_or_of_the_relay(nations: World) -> None:
    arunika = nations["arunika"]
    hidden = numbered_indicator(1, name=WITHHELD, description=WITHHELD * 50)
    plain = numbered_indicator(2, name="plain")
    only_c = numbered_indicator(3, name=ELSEWHERE)
    take_in(arunika, nations.folder, [hidden], label_text([], tlp="red"))
    take_in(arunika, nations.folder, [plain], label_text(["borealia", "cendara"]))
    take_in(arunika, nations.folder, [only_c], label_text(["cendara"]))
    released(nations, "arunika", ["borealia", "cendara"])
    nations.settle()
    assert node_status(nations["borealia"])["stored"] == 1
    assert node_status(nations["cendara"])["stored"] == 2
    for word in (WITHHELD, hidden["id"]):
        assert holders(nations.folder / "arunika", word.encode()), "the search itself finds what is there"
        for name in ("borealia", "cendara"):
            assert holders(nations.folder / name, word.encode()) == []
    assert holders(nations.folder / "cendara", ELSEWHERE.encode())
    assert holders(nations.folder / "borealia", ELSEWHERE.encode()) == []
    for envelope in nations.post.seen:
        assert WITHHELD.encode() not in envelope


def test_what_a_reviewer_refuses_is_gone_from_every_file(nations: World) -> None:
    arunika, b = nations["arunika"], Hand(world=nations, sender="borealia", to="arunika")
    bad = numbered_indicator(1, name=REFUSED, description=REFUSED * 200)
    b.send(b.release(b.forge([bad], obligations=())))
    assert holders(nations.folder / "arunika", REFUSED.encode())
    with arunika.store.read() as unit:
        (item,) = unit.mail.quarantined()
    refuse_quarantined(arunika, nations.signer("arunika", "ana"), item.id.hex())
    assert holders(nations.folder / "arunika", REFUSED.encode()) == []


def test_what_is_refused_at_the_door_is_never_written(nations: World) -> None:
    b = Hand(world=nations, sender="borealia", to="arunika")
    others = b.label(releasable_to=frozenset({frozenset({nations["cendara"].party})}))
    invalid = json.dumps({"type": "indicator", "name": REFUSED}).encode()
    received = b.send(b.release(b.forge([numbered_indicator(1, name=REFUSED), invalid], label=others)))
    assert received.refused == 2
    assert holders(nations.folder / "arunika", REFUSED.encode()) == []
