"""Honouring recalls of others: who may say so, what is refused from then on, the work itself, the answer.

    recall --who may--> tombstones, the first objects out of reach --job--> the rest, erased --> answer to who asked
                                            |
                                            +--> the same document to whom any of it was passed on, whose answers count

What comes later under a tombstone is refused by the clause `recall`, or held as narrowly as a restriction says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import RECALLED
from simpul.domain.journal import Job
from simpul.domain.labels import NEUTRAL, Label, join
from simpul.domain.objects import ObjectKey
from simpul.domain.policy import Outcome, Reason
from simpul.domain.recalls import (
    EVERYBODY,
    Action,
    KeptRecall,
    Named,
    RecallState,
    Tombstone,
    Undelivered,
)
from simpul.errors import Malformed, Misdirected, NotFound, PartnerFault, Refusal, Stale
from simpul.ports import SignedRow, Unit
from simpul.protocol.canonical import encode
from simpul.protocol.documents import Document, verify
from simpul.protocol.envelope import Opened
from simpul.protocol.labels import decode_label
from simpul.protocol.payloads import decode_payload
from simpul.protocol.recalls import (
    KIND,
    REPLAY_LIMIT,
    Recall,
    RecallNotice,
    read_recall,
)
from simpul.services.attesting import answer, answer_all, attest, beyond
from simpul.services.auditing import record
from simpul.services.connecting import card_of
from simpul.services.healing import replay_listed
from simpul.services.node import Node
from simpul.services.packing import PACK, parts_of
from simpul.services.posting import post
from simpul.services.times import DAY, SECOND
from simpul.services.withdrawing import WITHDRAWN, withdraw

ERASE: Final = "erase"
"""Job kind: go on with recalls and with erasing, one short transaction at a time."""

TAKEN_BACK: Final = Reason(
    clause=RECALLED,
    outcome=Outcome.DENY,
    why="it was taken back before it came",
    change="nothing: what was recalled is not taken in again",
)
"""Why something is refused on arrival."""

AUTHORITY: Final = "recall.authority"
"""The clause by which nothing comes of a recall by whoever neither wrote nor delivered what it names."""

FLOOD: Final = "recall.flood"
"""The clause by which a recall is refused whose sender told of too many in a day."""

RECALLS_A_DAY: Final = 20_000
"""Recalls that one party may tell of in a day: more than one replay to a home that was restored holds."""

NAMED_A_DAY: Final = 2_000_000
"""Things that they may name together."""

AT_ONCE: Final = 500
"""Named things that one transaction takes out of reach: those of the one that records the recall, then one job each."""

AGAIN: Final = SECOND
"""Pause until a reader that keeps the write-ahead log from being emptied has gone."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A recall notice that was read and verified. `recall` is None for a list of what is in force."""

    document: Document | None
    recall: Recall | None
    scope: str
    listed: tuple[bytes, ...]


def prepare(node: Node, opened: Opened) -> Prepared:
    """Read and verify what a recall message brought.

    Raises:
        Malformed: not one document, or none that reads.
        Misdirected: this node's own words in another's mouth, or of another realm.
        BadSignature, Stale: its author's card does not vouch for it.
    """
    notice, documents = decode_payload(opened.payload, RecallNotice)
    if not documents:
        return Prepared(document=None, recall=None, scope="", listed=tuple(map(bytes, notice.recalls)))
    if len(documents) > 1 or notice.recalls:
        raise Malformed("a recall message carries one document, or a list", input="recall")
    document, recall = read_recall(documents[0], node.realm)
    if node.party in (recall.author, recall.originator):
        raise Misdirected("a recall of this node's own words", input="recall", where=AUTHORITY)
    with node.store.read() as unit:
        scope = _scope(unit, node, opened.message.sender, document, recall)
    return Prepared(document=document, recall=recall, scope=scope, listed=())


def _scope(unit: Unit, node: Node, sender: str, document: Document, recall: Recall) -> str:
    """How far a recall reaches: empty for all of its originator's, else the party whose deliveries alone it is about."""
    card = card_of(unit, recall.author)
    # (1) without the author's card nobody here can say whose word it is: it is the sender's, about what it delivered
    if card is None:
        return sender
    # (2) the author's own key, valid when it was issued, and not revoked since
    keys = [card.signer(node.realm, signature.key, recall.issued) for signature in document.signatures]
    verify(document, keys)
    if any(revoked.key in {key.id for key in keys} for revoked in card.revoked):
        raise Stale("the recall is signed by a key that was revoked", input="recall", where="signing")
    # (3) the originator speaks of everything of its own, anybody else of what it delivered
    return "" if recall.author == recall.originator else recall.author


def take(unit: Unit, node: Node, opened: Opened, prepared: Prepared) -> str:
    """Keep a recall, and take the first of what it names out of reach, in the transaction that records its message.

    Returns what is wrong with it, in words: its author neither wrote nor delivered what it names. That is never told to
    whoever sent it, since it would say that something is held.

    Raises:
        Refusal: the sender told of more within a day than one party may.
    """
    sender = opened.message.sender
    if prepared.recall is None or prepared.document is None:
        replay_listed(unit, node, sender, prepared.listed)
        return ""
    document, recall, scope = prepared.document, prepared.recall, prepared.scope
    stones = tombstones(document.hash, recall, scope)
    theirs, others = unit.recalls.deliveries(stones, scope or sender)
    problem = "" if theirs or not (scope and others) else _UNAUTHORISED
    known = unit.recalls.get(document.hash)
    if known is None:
        _count_towards(unit, node, sender, len(stones))
        keep(unit, node, document, recall, scope, stones, earlier=not scope or theirs > 0)
        _record_told(unit, node, opened, _words(document.hash, recall), problem)
    elif _reaches_further(known, scope):
        _count_towards(unit, node, sender, len(stones))
        _widen(unit, known, scope, stones)
        _record_told(unit, node, opened, _words(document.hash, recall), problem)
    if scope not in ("", sender):
        theirs, _ = unit.recalls.deliveries(stones, sender)
    _take_teller(unit, node, document.hash, sender, delivered=theirs > 0)
    return problem


_UNAUTHORISED: Final = f"a recall by a party that neither wrote nor delivered what it names ({AUTHORITY})"


def _reaches_further(known: KeptRecall, scope: str) -> bool:
    """Whether whoever tells of a recall now can say more than those before: reaches are joined, never replaced."""
    return scope not in known.scopes and EVERYBODY not in known.scopes


def _widen(unit: Unit, known: KeptRecall, scope: str, stones: Sequence[Tombstone]) -> None:
    """Begin again with a wider reach. Objects by id go on behind the last tombstone, deliveries from the first object."""
    cursor = known.cursor if known.named else 0
    unit.recalls.put(replace(known, scopes=(*known.scopes, scope), state=RecallState.HIDING, cursor=cursor))
    unit.recalls.widen(known.hash, stones)


def _record_told(unit: Unit, node: Node, opened: Opened, words: dict[str, object], problem: str) -> None:
    """One leaf either way: whoever counts this node's leaves learns nothing by it."""
    sender = opened.message.sender
    if not problem:
        record(unit, node, "recalled", words | {"from": sender})
        return
    record(
        unit,
        node,
        "refusal",
        words
        | {
            "from": sender,
            "message": opened.name.hex(),
            "kind": opened.message.kind,
            "why": Misdirected.code,
            "clause": AUTHORITY,
        },
    )


def _take_teller(unit: Unit, node: Node, hash: bytes, sender: str, *, delivered: bool) -> None:
    """Note who told of a recall, go on with it, and answer what can be answered now.

    Whoever delivered none of it is told at once that nothing is held, whatever is.
    """
    unit.recalls.ask(hash, sender, node.clock())
    unit.recalls.put_said(hash, sender, b"", node.clock())
    kept = _known(unit, hash)
    may_know = delivered or kept.share_of(sender).met > 0 or kept.may_tell(sender)
    if may_know and _is_upward(unit, kept, sender):
        kept = replace(kept, told_by=sender)
        unit.recalls.put(kept)
    if kept.state is RecallState.HIDING:
        advance(unit, node, hash)
    if kept.state is RecallState.DONE or not may_know:
        answer(unit, node, kept, [sender])


def hear_authors(node: Node) -> None:
    """Let recalls reach as far as their author's own word does, where its card came only after them."""
    with node.store.read() as unit:
        known = b"".join(sorted(party.fingerprint.encode() for party in unit.directory.parties()))
        if unit.directory.get(_HEARD) == known:
            return
        kept = [each for each in unit.recalls.all() if _is_unheard(unit, each)]
    for each in kept:
        with node.store.write() as unit:
            _hear(unit, node, each.hash)
    with node.store.write() as unit:
        unit.directory.put(_HEARD, known)


_HEARD: Final = "recalls-heard"
"""Setting: the parties whose cards were here when recalls were last held against them."""


def _is_unheard(unit: Unit, kept: KeptRecall) -> bool:
    own_reach = EVERYBODY if kept.author == kept.originator else kept.author
    return not kept.ours and _reaches_further(kept, own_reach) and card_of(unit, kept.author) is not None


def _hear(unit: Unit, node: Node, hash: bytes) -> None:
    row, kept = unit.directory.signed_by_hash(KIND, hash), _known(unit, hash)
    if row is None or not _is_unheard(unit, kept):
        return
    document, recall = read_recall(row.document, node.realm)
    try:
        scope = _scope(unit, node, kept.author, document, recall)
    except PartnerFault as fault:
        # Who told of it put words into its author's mouth: they count for that party's own deliveries, as before.
        content = {"kind": KIND, "recall": hash.hex(), "why": fault.code, "clause": AUTHORITY}
        record(unit, node, "refusal", content)
        return
    _widen(unit, kept, scope, tombstones(hash, recall, scope))
    record(unit, node, "recalled", _words(hash, recall) | {"from": kept.author})
    advance(unit, node, hash)


def _is_upward(unit: Unit, kept: KeptRecall, sender: str) -> bool:
    """Whether what becomes of it further on is counted in the answers to this party.

    To one alone, and never to one that was told from here: so no two wait for each other, and nothing is counted twice.
    """
    if sender == kept.author:
        return True
    told = {asked.party for asked in unit.recalls.holders(kept.hash)}
    return not kept.told_by and sender not in told


def _known(unit: Unit, hash: bytes) -> KeptRecall:
    kept = unit.recalls.get(hash)
    if kept is None:
        raise NotFound("no such recall here", input=hash.hex())
    return kept


def _count_towards(unit: Unit, node: Node, sender: str, named: int) -> None:
    """Bound what one party can make this node keep for ever, and work on, in a day."""
    day, name = node.clock() // DAY, f"recalls-told:{sender}"
    last, recalls, things = (unit.directory.get(name) or b"0 0 0").decode().split()
    before = (int(recalls), int(things)) if last == str(day) else (0, 0)
    if before[0] >= RECALLS_A_DAY or before[1] + named > NAMED_A_DAY:
        raise Refusal(
            f"this party told of more than {RECALLS_A_DAY} recalls, or {NAMED_A_DAY} named things, today",
            input="recall",
            where=FLOOD,
            do="ask it why; what is left can be told again tomorrow",
        )
    unit.directory.put(name, f"{day} {before[0] + 1} {before[1] + named}".encode())


def tombstones(hash: bytes, recall: Recall, scope: str) -> list[Tombstone]:
    """What a recall names, one by one."""
    whole: dict[str, Any] = {"recall": hash, "originator": recall.originator, "scope": scope}
    if recall.product:
        return [Tombstone(kind=Named.PRODUCT, name=recall.product, version=recall.version, **whole)]
    roots = [Tombstone(kind=Named.DELIVERY, name=root.hex(), **whole) for root in recall.roots]
    objects = [
        Tombstone(kind=Named.OBJECT, name=o.id, version=o.version, sha256=bytes(o.sha256), **whole)
        for o in recall.objects
    ]
    return roots + objects


def keep(
    unit: Unit,
    node: Node,
    document: Document,
    recall: Recall,
    scope: str,
    stones: Sequence[Tombstone],
    *,
    own_too: bool = False,
    earlier: bool = True,
) -> KeptRecall:
    """Store a recall as it begins: its document, its tombstones, and whom `earlier` recalls of the same were told to."""
    now = node.clock()
    kept = KeptRecall(
        hash=document.hash,
        action=Action(recall.action),
        author=recall.author,
        originator=recall.originator,
        scopes=(scope,),
        ours=recall.author == node.party,
        own_too=own_too,
        product=recall.product,
        version=recall.version,
        named=len(recall.objects),
        label=encode(recall.label) if recall.label is not None else b"",
        code=recall.code,
        reason=recall.reason,
        issued=recall.issued,
        deadline=recall.deadline,
        at=now,
    )
    names = [stone.name for stone in stones]
    before = unit.recalls.earlier(recall.originator, names) if earlier else []
    unit.recalls.add(kept, stones)
    unit.directory.put_signed(
        SignedRow(
            kind=KIND,
            id=document.hash.hex(),
            version=1,
            hash=document.hash,
            document=document.encode(),
            signed_by=(recall.author,),
            proposed_by=recall.author,
            at=now,
            party=recall.originator,
        )
    )
    for hash in before:
        unit.recalls.tell(document.hash, [asked.party for asked in unit.recalls.holders(hash)], now)
    return kept


# What comes later.


class Standing(Struct, frozen=True, kw_only=True):
    """The tombstones that bind what one party delivers now, by originator and name."""

    stones: dict[tuple[str, str], list[tuple[Tombstone, KeptRecall]]]

    def closes(self, originator: str, product: str, version: int, root: bytes) -> bool:
        """Whether a whole product, or one delivery, was taken back."""
        return any(k.action is Action.RECALL for k in self._of_delivery(originator, product, version, root))

    def refuses(self, key: ObjectKey) -> bool:
        """Whether an object was taken back."""
        return any(k.action is Action.RECALL for k in self._of_object(key))

    def narrows(self, key: ObjectKey, product: str, version: int, root: bytes) -> Label:
        """What restrictions add to the label of an object that came with a product."""
        narrowing = NEUTRAL
        for kept in (*self._of_object(key), *self._of_delivery(key.originator, product, version, root)):
            if kept.action is Action.RESTRICT:
                narrowing = join(narrowing, decode_label(kept.label))
        return narrowing

    def _of_object(self, key: ObjectKey) -> list[KeptRecall]:
        return [kept for stone, kept in self.stones.get((key.originator, key.id), ()) if stone.covers(key)]

    def _of_delivery(self, originator: str, product: str, version: int, root: bytes) -> list[KeptRecall]:
        found = [*self.stones.get((originator, product), ()), *self.stones.get((originator, root.hex()), ())]
        return [
            kept
            for stone, kept in found
            if stone.kind is Named.DELIVERY
            or (stone.kind is Named.PRODUCT and stone.version in (None, version))
        ]


NOTHING_STANDS: Final = Standing(stones={})


def standing(unit: Unit, sender: str, wanted: Mapping[str, Iterable[str]]) -> Standing:
    """The tombstones that bind what a party delivers: of each originator those with one of these names.

    Args:
        wanted: ids of objects and products, and roots in hex, by originator.
    """
    stones: dict[tuple[str, str], list[tuple[Tombstone, KeptRecall]]] = {}
    for originator, names in wanted.items():
        for stone, kept in unit.recalls.standing(originator, sender, sorted(set(names))):
            stones.setdefault((originator, stone.name), []).append((stone, kept))
    return Standing(stones=stones) if stones else NOTHING_STANDS


# The work.


def advance(unit: Unit, node: Node, hash: bytes) -> None:
    """The next step of hiding: what is still under way from here is withdrawn, and whoever may hold it is told."""
    struck = unit.recalls.strike(hash, most=AT_ONCE, now=node.clock())
    stop(unit, node, struck.undelivered)
    if not struck.more:
        pass_on(unit, node, struck.recall)
    erase_soon(unit, node)


def take_answer(unit: Unit, node: Node, opened: Opened) -> None:
    """A holder says what became of a recall there; whoever waits for it is told soon.

    Raises:
        Misdirected: an answer to what its sender was never told.
        Malformed: a number or name in it is none.
    """
    attest(unit, node, opened)
    erase_soon(unit, node)


def erase_soon(unit: Unit, node: Node) -> None:
    """See to it that the work goes on; once at a time."""
    unit.jobs.enqueue(
        [
            Job(
                id=node.entropy(16),
                kind=ERASE,
                args=b"",
                unique=ERASE,
                run_at=node.clock(),
                attempts=0,
                lease_until=None,
                error="",
            )
        ]
    )


def run(unit: Unit, node: Node) -> int | None:
    """One step of the `ERASE` job, in its own transaction. Returns when to go on, or None once all is done.

    What must be out of reach comes first, then what must be gone; a recall is answered when nothing of it is left. Whoever
    waits for holders further on is answered once for all that they said until then.
    """
    unfinished = unit.recalls.unfinished()
    hiding = next((k for k in unfinished if k.state is RecallState.HIDING), None)
    if hiding is not None:
        advance(unit, node, hiding.hash)
        return node.clock()
    if unit.recalls.erase():
        return node.clock()
    if not unit.recalls.is_clean():
        return node.clock() + AGAIN
    for kept in unfinished:
        _finish(unit, node, kept)
    for hash in unit.recalls.owed():
        answer_all(unit, node, _known(unit, hash))
    return None


def _finish(unit: Unit, node: Node, kept: KeptRecall) -> None:
    done = replace(kept, state=RecallState.DONE)
    unit.recalls.put(done)
    if kept.destroyed:
        unit.directory.count("destroyed", kept.destroyed)
    record(
        unit,
        node,
        "recall-done",
        {
            "recall": kept.hash.hex(),
            "destroyed": kept.destroyed,
            "restricted": kept.restricted,
            "not_held": done.not_held,
            "retained": sum(each.count for each in unit.recalls.retained(kept.hash)),
        },
    )
    answer_all(unit, node, done)


def stop(unit: Unit, node: Node, undelivered: Iterable[Undelivered]) -> None:
    """Withdraw the parts of releases that hold what was taken back and are not acknowledged yet."""
    wanted: dict[bytes, set[int] | None] = {}
    for each in undelivered:
        known = wanted.setdefault(each.release, set())
        if each.position is None:
            wanted[each.release] = None
        elif known is not None:
            known.add(each.position)
    for release, positions in wanted.items():
        for part, (start, end) in enumerate(parts_of(unit, release)):
            if positions is None or any(start <= position < end for position in positions):
                _stop_part(unit, node, release, part)


def _stop_part(unit: Unit, node: Node, release: bytes, part: int) -> None:
    unit.jobs.drop(f"{PACK}:{release.hex()}:{part}")
    for message in unit.mail.carrying(release):
        if message.part != part:
            continue
        if message.number:
            withdraw(unit, node=node, message=message, reason=WITHDRAWN)
        else:
            unit.mail.drop(message.id)
        unit.recalls.empty_log()


def pass_on(unit: Unit, node: Node, kept: KeptRecall) -> None:
    """Send the very document to everybody who may hold any of it, once."""
    row = unit.directory.signed_by_hash(KIND, kept.hash)
    told = unit.recalls.pass_to(kept.hash, [asked.party for asked in beyond(unit, node, kept)], node.clock())
    for party in told:
        if row is not None and card_of(unit, party) is not None:
            post(unit, node, party, RecallNotice(), [row.document])
    if told:
        record(unit, node, "recall-passed", {"recall": kept.hash.hex(), "to": told})


# A partner that was restored from a copy.


def post_again(unit: Unit, node: Node, party: str) -> None:
    """Send a party every recall that it was told of, and the list of them, by which it knows that it has them all."""
    hashes = unit.recalls.told(party)[-REPLAY_LIMIT:]
    for hash in hashes:
        row = unit.directory.signed_by_hash(KIND, hash)
        if row is not None:
            post(unit, node, party, RecallNotice(), [row.document])
    post(unit, node, party, RecallNotice(recalls=tuple(hashes)))
    record(unit, node, "replay", {"to": party, "recalls": len(hashes)})


def _words(hash: bytes, recall: Recall) -> dict[str, object]:
    return {
        "recall": hash.hex(),
        "action": recall.action,
        "author": recall.author,
        "originator": recall.originator,
        "product": recall.product,
        "objects": len(recall.objects),
        "code": recall.code,
    }
