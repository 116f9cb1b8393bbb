"""A partner that contradicts itself: both of its signed words are kept, and anybody who has its card can check them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simpul import logcheck
from simpul.errors import InputFault
from simpul.protocol import cards
from simpul.protocol.canonical import decode
from simpul.protocol.documents import parse_document
from simpul.protocol.envelope import verify_again
from simpul.protocol.keys import LogKey
from simpul.protocol.log import Checkpoint, conflicting, open_checkpoint, sign_checkpoint
from simpul.protocol.message import Message, Seal
from simpul.protocol.payloads import CheckpointNotice
from simpul.services.auditing import origin
from simpul.services.evidence import list_evidence
from simpul.services.posting import post
from simpul.services.receiving import Fate, receive
from tests.federation.forging import sealed_for
from tests.federation.nations import Nation, World
from tests.federation.objects import indicator, label
from tests.federation.test_hostile_relay import numbered_by


def contradicts(arunika: Nation, borealia: Nation) -> list[str]:
    """Two products go under one number; returns what Borealia's operator is told."""
    one, other = indicator("one", "203.0.113.21"), indicator("other", "203.0.113.22")
    arunika.imports(label("Borealia"), one, other)
    first, second = arunika.drafts(one), arunika.drafts(other)
    before = arunika.copy()
    arunika.releases(first, borealia)
    numbered_by(arunika, b"one stream twice")
    borealia.sync()
    arunika.restore(before)
    arunika.releases(second, borealia)
    numbered_by(arunika, b"one stream twice")
    return list(borealia.sync().problems)


def card_in(folder: Path) -> cards.Card:
    return cards.read(parse_document((folder / "card-1").read_bytes()))


def verified(folder: Path, name: str) -> Message:
    """A message of written evidence, from nothing but the files."""
    message, seal, *signatures = (
        (folder / f"{name}.{end}").read_bytes() for end in ("message", "seal", "ed25519", "ml-dsa-65")
    )
    key = card_in(folder).pair_of("live", decode(seal, Seal).key)
    return verify_again(message, seal, (signatures[0], signatures[1]), key)


def test_two_messages_under_one_number_are_proof_to_a_third_party(
    world: World, arunika: Nation, borealia: Nation, tmp_path: Path
) -> None:
    problems = contradicts(arunika, borealia)
    assert any("two messages under one number" in problem for problem in problems)
    (kept,) = list_evidence(borealia.node, tmp_path / "out")
    assert (kept.party, kept.kind) == (arunika.party, "two-messages")
    first, second = (verified(Path(kept.folder), name) for name in ("first", "second"))
    assert first != second
    assert (first.stream, first.number) == (second.stream, second.number)
    assert first.sender == second.sender == card_in(Path(kept.folder)).party == arunika.party
    about = json.loads((Path(kept.folder) / "about.json").read_bytes())
    assert (about["party"], about["kind"]) == (arunika.party, "two-messages")
    with pytest.raises(InputFault, match="not empty"):
        list_evidence(borealia.node, tmp_path / "out")


def test_the_same_contradiction_again_is_kept_and_logged_once(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    contradicts(arunika, borealia)
    with arunika.node.store.read() as unit:
        again = [m for m in unit.mail.due(1 << 60, 100) if m.kind == "release"]
    for message in again:
        answer = receive(borealia.node, sealed_for(arunika, borealia, message))
        assert answer.fate is Fate.FAULTY
        assert "two messages" in answer.problem
    assert borealia.status()["evidence"] == [{"from": arunika.party, "kind": "two-messages", "count": 1}]
    assert len(borealia.leaves("evidence")) == 1


@pytest.mark.parametrize("alone", [True, False], ids=["by itself", "beside others"])
def test_two_histories_of_one_log_are_proof_to_a_third_party(
    world: World, arunika: Nation, borealia: Nation, tmp_path: Path, *, alone: bool
) -> None:
    world.exchange(2)
    problems: list[str] = []
    for root in (bytes(32), b"\x01" * 32):
        with arunika.node.store.write() as unit:
            head = Checkpoint(origin=origin(unit, arunika.node), size=1 << 20, root=root)
            note = sign_checkpoint(head, LogKey(arunika.node.keyring.secret("log")), at=arunika.now())
            post(unit, arunika.node, borealia.party, CheckpointNotice(note=note.decode()))
        if alone:
            arunika.sync()
            problems += borealia.sync().problems
    arunika.sync()
    problems += borealia.sync().problems
    assert any("two histories" in problem for problem in problems)
    assert borealia.status()["evidence"] == [{"from": arunika.party, "kind": "two-checkpoints", "count": 1}]
    (kept,) = list_evidence(borealia.node, tmp_path / "out")
    folder = Path(kept.folder)
    key = card_in(folder).realm("live").log_key
    first, second = (open_checkpoint((folder / f"{n}.note").read_bytes(), key) for n in ("first", "second"))
    assert conflicting(first, second)
    # the notes verify by the independent program's keys too
    (folder / "checkpoint").write_bytes((folder / "first.note").read_bytes())
    found = logcheck.check(folder, None).problems
    assert not any("signature" in problem for problem in found)
