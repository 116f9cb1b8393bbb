"""What this node says of a recall to whoever told it, and what is said to it by those that it told.

An answer is about what its recipient may know: all of it to whose words they are, else what came from that party. What
became of it further on is counted in the answers to one party alone (`KeptRecall.told_by`), so that answers run towards
the author and never in a circle; and no answer is given twice in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from simpul.domain.recalls import Asked, KeptRecall, Share
from simpul.errors import Misdirected
from simpul.ports import Unit
from simpul.protocol.canonical import decode, encode
from simpul.protocol.documents import parse_document
from simpul.protocol.envelope import Opened
from simpul.protocol.grants import GRANT, decode_grant
from simpul.protocol.payloads import decode_payload
from simpul.protocol.recalls import COUNT_LIMIT, NAMED_LIMIT, RecallAnswer, RetainedPart, check_answer
from simpul.services.auditing import record
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.times import DAY


def beyond(unit: Unit, node: Node, kept: KeptRecall) -> list[Asked]:
    """Who was, or is to be, told of a recall by this node: not whoever waits for what becomes of it here."""
    knowing = {node.party, kept.author, kept.told_by}
    return [asked for asked in unit.recalls.holders(kept.hash) if asked.party not in knowing]


def answer_all(unit: Unit, node: Node, kept: KeptRecall) -> None:
    """Say what became of a recall to everybody who told of it and was not told just that before."""
    askers = unit.recalls.askers(kept.hash)
    answer(unit, node, kept, [asked.party for asked in askers if _is_news(unit, node, kept, asked)])


def _is_news(unit: Unit, node: Node, kept: KeptRecall, asked: Asked) -> bool:
    """Whether anything but the time has changed since a party was answered: else answers would answer answers."""
    if not asked.answer:
        return True
    last = decode(asked.answer, RecallAnswer)
    return replace(statement(unit, node, kept, asked.party), at=last.at) != last


def answer(unit: Unit, node: Node, kept: KeptRecall, to: Sequence[str]) -> None:
    """Say what became of a recall, to whoever told this node of it."""
    if not to:
        return
    now = node.clock()
    for party in to:
        said = statement(unit, node, kept, party)
        post(unit, node, party, said)
        unit.recalls.put_said(kept.hash, party, encode(said), now)
    record(unit, node, "recall-answer", {"recall": kept.hash.hex(), "to": list(to), "at": now})


def statement(unit: Unit, node: Node, kept: KeptRecall, to: str) -> RecallAnswer:
    """The answer to one party as it stands now: about all of it to whose words they are, else about what came from it."""
    now = node.clock()
    share = kept.share_of(to)
    onward = beyond(unit, node, kept) if to == kept.told_by else []
    disclosed = _disclosed(unit, node, kept.originator) if to == kept.originator else frozenset()
    named = sorted(asked.party for asked in onward if asked.party in disclosed)[:NAMED_LIMIT]
    pending = min(sum(waiting(asked) for asked in onward), COUNT_LIMIT - 1)
    days = node.limits.backup_days
    return RecallAnswer(
        recall=kept.hash,
        at=now,
        destroyed=share.destroyed,
        restricted=share.restricted,
        not_held=kept.things - share.met,
        retained=_retained(unit, kept, to, share),
        backups_until=now + days * DAY if days and share.destroyed else None,
        named=tuple(named),
        others=len(onward) - len(named),
        pending=pending,
        overdue=pending if now > kept.deadline else 0,
    )


def _retained(unit: Unit, kept: KeptRecall, to: str, share: Share) -> tuple[RetainedPart, ...]:
    """What is kept under a legal ground: to another than the originator no more of it than came from that party."""
    most = COUNT_LIMIT - 1 if kept.may_tell(to) else share.destroyed
    return tuple(
        RetainedPart(ground=each.ground, count=min(each.count, most), until=each.until)
        for each in unit.recalls.retained(kept.hash)
        if most
    )


def waiting(asked: Asked) -> int:
    """How many, from one holder on, have not answered: itself, or those that it waits for."""
    return decode(asked.answer, RecallAnswer).pending if asked.answer else 1


def _disclosed(unit: Unit, node: Node, originator: str) -> frozenset[str]:
    """Parties that the originator itself consented to: it knows of them already."""
    found = set()
    for row in unit.directory.signed(GRANT):
        grant = decode_grant(parse_document(row.document).payload)
        if (grant.originator, grant.grantee) == (originator, node.party):
            found.add(grant.beneficiary)
    return frozenset(found)


def attest(unit: Unit, node: Node, opened: Opened) -> None:
    """Keep what a holder says became of a recall there; whoever is to hear of it is owed an answer.

    Raises:
        Misdirected: an answer to what its sender was never told.
        Malformed: a number or name in it is none.
    """
    said, _ = decode_payload(opened.payload, RecallAnswer)
    check_answer(said)
    sender, hash = opened.message.sender, bytes(said.recall)
    kept = unit.recalls.get(hash)
    if kept is None or all(asked.party != sender for asked in unit.recalls.holders(hash)):
        raise Misdirected("an answer to a recall that its sender was not told of", input="recall-answer")
    if unit.recalls.put_answer(hash, sender, encode(said), said.at):
        for asked in unit.recalls.askers(hash):
            if _is_news(unit, node, kept, asked):
                unit.recalls.put_said(hash, asked.party, b"", node.clock())
    record(
        unit,
        node,
        "recall-answered",
        {"recall": hash.hex(), "from": sender, "destroyed": said.destroyed, "pending": said.pending},
    )
