"""Products that came in part by part, groups in quarantine, and matches, on tables; with the rest, `ports.Mail`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.mail import Apart, InboxItem, MatchRow, QuarantinedItem
from simpul.domain.objects import Marked, ObjectKey
from simpul.domain.products import Precedence
from simpul.domain.releases import PORTION, SHEET, Proof, ReceivedLeaf
from simpul.errors import NotFound, Refusal
from simpul.protocol.labels import decode_label, encode_label
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.heads import Heads
from simpul.storage.incoming import ReceivedRows
from simpul.storage.interning import Interning
from simpul.storage.objects import ObjectRows
from simpul.storage.outbox import Outbox
from simpul.storage.proofs import OF_INBOX, ProofRows
from simpul.storage.statements import Rows, Statement, bindparam

_URGENCY: Final = {precedence.value: rank for rank, precedence in enumerate(Precedence)}
SETTLED_STATES: Final = frozenset({"admitted", "refused"})

_I: Final = t.inbox.c
_ITEM: Final = Statement(
    select(_I.number, _I.document).where(
        _I.sender == bindparam("sender"),
        _I.product == bindparam("product"),
        _I.version == bindparam("version"),
        _I.root == bindparam("root"),
    )
)
_ADD_ITEM: Final = Statement(
    insert(t.inbox).values({c.name: bindparam(c.name) for c in _I if c.name != "number"}).returning(_I.number)
)
_SET_ITEM: Final = Statement(
    update(t.inbox).where(_I.number == bindparam("of")).values(document=bindparam("to_document"))
)
_ITEMS: Final = Statement(select(_I.document).order_by(_I.number.desc()))
_first = t.inbox.alias("first")
_NEWEST: Final = Statement(
    select(_I.number, _I.document)
    .where(
        _I.product == bindparam("product"),
        # Ids are the originator's to choose: whoever used it first keeps it, so that nobody slips under another's.
        _I.sender
        == select(_first.c.sender)
        .where(_first.c.product == bindparam("product"))
        .order_by(_first.c.number)
        .limit(1)
        .scalar_subquery(),
    )
    .order_by(_I.version.desc(), _I.number.desc())
    .limit(1)
)
_ADD_PART: Final = Statement(
    upsert(t.inbox_part).values({c.name: bindparam(c.name) for c in t.inbox_part.c}).on_conflict_do_nothing()
)
_ADD_LEAF: Final = Rows(t.inbox_leaf)
_LEAF: Final = t.inbox_leaf.c
_TIE: Final = "UPDATE inbox_leaf SET arrival = ? WHERE inbox = ? AND position = ?"
_STORED_LEAVES: Final = Statement(
    select(_LEAF.position, _LEAF.arrival)
    .where(_LEAF.inbox == bindparam("inbox"), _LEAF.arrival.is_not(None))
    .order_by(_LEAF.position)
)

_TEXT_LABELS: Final = Statement(
    select(_LEAF.label)
    .distinct()
    .where(_LEAF.inbox == bindparam("inbox"), (_LEAF.kind == SHEET) | (_LEAF.kind == PORTION))
)

_Q: Final = t.quarantined.c
_QO: Final = t.quarantined_object.c
_ADD_GROUP: Final = Statement(
    insert(t.quarantined)
    .values({c.name: bindparam(c.name) for c in _Q if c.name != "number"})
    .returning(_Q.number)
)
_ADD_OBJECTS: Final = Rows(t.quarantined_object)
_GROUPS: Final = Statement(select(_Q.document).order_by(_Q.number.desc()))
_GROUPS_OF: Final = Statement(
    select(_Q.document).where(_Q.state == bindparam("state")).order_by(_Q.number.desc())
)
_GROUP: Final = Statement(select(_Q.number, _Q.document, _Q.extra).where(_Q.id == bindparam("id")))
_OBJECTS: Final = Statement(
    select(_QO.id, _QO.version, _QO.raw, _QO.label, _QO.position)
    .where(_QO.quarantined == bindparam("group"))
    .order_by(_QO.position)
)
_SETTLE: Final = Statement(
    update(t.quarantined)
    .where(_Q.number == bindparam("of"))
    .values(state=bindparam("to_state"), document=bindparam("to_document"), extra=bindparam("to_extra"))
)
_DESTROY: Final = Statement(delete(t.quarantined_object).where(_QO.quarantined == bindparam("group")))

_M: Final = t.match.c
_ADD_MATCH: Final = Statement(
    upsert(t.match)
    .values({c.name: bindparam(c.name) for c in _M if c.name != "number"})
    .on_conflict_do_nothing()
)
_NAME_OBSERVATION: Final = "UPDATE OR IGNORE match SET observation = ? WHERE observation = ?"
_DROP_OBSERVATION: Final = "DELETE FROM match WHERE observation = ?"
_MATCHES: Final = Statement(select(*(c for c in _M if c.name != "number")).order_by(_M.number))


class MailRows(Outbox, ReceivedRows):
    """Implements `ports.Mail` in one unit."""

    def __init__(self, session: Session, interning: Interning, objects: ObjectRows) -> None:
        super().__init__(session, interning)
        self._objects = objects
        self._heads = Heads(session, interning)
        self._proofs = ProofRows(session)

    # -- products that came in -------------------------------------------------------------------------------

    def add_part(
        self,
        item: InboxItem,
        part: int,
        leaves: Sequence[ReceivedLeaf],
        path: Sequence[bytes],
    ) -> InboxItem:
        """Record one part of a product that came in. A part that is here already changes nothing.

        `item` is what this part says: its sheet or portions if it carries them, `objects` the objects in it, and
        `first_arrived` the time at which it came, which becomes `whole_at` when the last part is here.
        """
        number, stored = self._item(item)
        steps = json.dumps([step.hex() for step in path]).encode()
        start = leaves[0].position if leaves else 0
        if not self._session.change(_ADD_PART, inbox=number, part=part, start=start, path=steps):
            return stored
        rows = self._objects.rows_of([leaf.key for leaf in leaves if leaf.key is not None])
        self._session.insert(
            _ADD_LEAF,
            [
                (
                    number,
                    leaf.position,
                    part,
                    leaf.kind,
                    leaf.salt,
                    leaf.label,
                    leaf.hash,
                    rows[leaf.key].arrival if leaf.key in rows else None,
                )
                for leaf in leaves
            ],
        )
        came = [(leaf.position, leaf.proof) for leaf in leaves if leaf.proof is not None]
        self._proofs.keep(OF_INBOX, number, came)
        merged = _merge(stored, item, is_first=part == 0)
        self._session.change(_SET_ITEM, of=number, to_document=msgspec.json.encode(merged))
        return merged

    def _item(self, item: InboxItem) -> tuple[int, InboxItem]:
        """The stored item, made now, still without parts, if it is the first."""
        key = {"product": item.product, "version": item.version, "root": item.root}
        sender = self._interning.party(item.sender)
        row = self._session.one(_ITEM, sender=sender, **key)
        if row is not None:
            return int(row[0]), _inbox_item(row[1])
        fresh = msgspec.structs.replace(item, parts_here=0, objects=0, sheet=b"", portions=(), whole_at=None)
        document = msgspec.json.encode(fresh)
        number = self._session.returning(_ADD_ITEM, sender=sender, **key, document=document)[0][0]
        return int(number), fresh

    def put_item(self, item: InboxItem) -> None:
        """Replace what is kept of a product that came in. Raises `NotFound`."""
        self._session.change(_SET_ITEM, of=self._known_item(item), to_document=msgspec.json.encode(item))

    def _known_item(self, item: InboxItem) -> int:
        row = self._session.one(
            _ITEM,
            sender=self._interning.known_party(item.sender),
            product=item.product,
            version=item.version,
            root=item.root,
        )
        if row is None:
            raise NotFound(f"no such product came in: {item.product}", input=item.product)
        return int(row[0])

    # -- whose words they are --------------------------------------------------------------------------------

    def tie(self, item: InboxItem, leaves: Sequence[tuple[int, ObjectKey]]) -> None:
        """Say which stored object stands at which position of a product that came in. Raises `NotFound`."""
        number = self._known_item(item)
        rows = self._objects.rows_of([key for _, key in leaves])
        self._session.change_many(
            _TIE, [(rows[key].arrival, number, position) for position, key in leaves if key in rows]
        )

    def tied(self, item: InboxItem) -> list[tuple[int, ObjectKey]]:
        """The stored objects of a product that came in, by position. Raises `NotFound`."""
        found = self._session.all(_STORED_LEAVES, inbox=self._known_item(item))
        rows = self._heads.rows([arrival for _, arrival in found])
        keys = {row.arrival: self._heads.key(row) for row in rows}
        return [(position, keys[arrival]) for position, arrival in found if arrival in keys]

    def text_labels(self, item: InboxItem) -> set[bytes]:
        """Hashes of the labels that the cover sheet and the narrative of a product came under. Raises `NotFound`."""
        found = self._session.all(_TEXT_LABELS, inbox=self._known_item(item))
        return {bytes(label) for (label,) in found}

    def proofs(self, key: ObjectKey) -> list[Proof]:
        """What shows that a stored object is its originator's, of what came last first."""
        rows = self._objects.rows_of([key])
        return self._proofs.of_arrival(rows[key].arrival) if key in rows else []

    def came_with(self, item: InboxItem, positions: Sequence[int]) -> list[Proof]:
        """The proofs with which entries of a product came that its sender had not originated. Raises `NotFound`."""
        number = self._known_item(item)
        found = [self._proofs.came_with(number, position) for position in positions]
        return [proof for proof in found if proof is not None]

    def inbox(self) -> list[InboxItem]:
        """What came in, most urgent and newest first."""
        items = [_inbox_item(document) for (document,) in self._session.all(_ITEMS)]
        return sorted(items, key=lambda item: _URGENCY.get(item.precedence, len(_URGENCY)))

    def inbox_item(self, product: str) -> InboxItem:
        """The newest version of a received product. Raises `NotFound`."""
        return self._newest(product)[1]

    def opened(self, product: str, at: int) -> None:
        """An officer opened it; the first time counts."""
        number, item = self._newest(product)
        if item.opened_at is None:
            opened = msgspec.structs.replace(item, opened_at=at)
            self._session.change(_SET_ITEM, of=number, to_document=msgspec.json.encode(opened))

    def _newest(self, product: str) -> tuple[int, InboxItem]:
        row = self._session.one(_NEWEST, product=product)
        if row is None:
            raise NotFound(f"no such product came in: {product}", input=product, do="see `simpul inbox`")
        return int(row[0]), _inbox_item(row[1])

    # -- quarantine ------------------------------------------------------------------------------------------

    def quarantine(self, item: QuarantinedItem, objects: Sequence[Marked], extra: bytes) -> None:
        """Keep a group apart: nothing of it reaches the tables that searches, values and counts read."""
        number = self._session.returning(
            _ADD_GROUP,
            sender=self._interning.party(item.sender),
            id=item.id,
            state=item.state,
            document=msgspec.json.encode(item),
            extra=extra,
        )[0][0]
        self._session.insert(
            _ADD_OBJECTS,
            [
                (
                    number,
                    at,
                    each.object.id,
                    each.object.version,
                    encode_label(each.labels[0]),
                    each.object.raw,
                )
                for at, each in enumerate(objects)
            ],
        )

    def quarantined(self, *, state: str | None = "waiting") -> list[QuarantinedItem]:
        """Groups, newest first; None lists every state."""
        found = self._session.all(_GROUPS) if state is None else self._session.all(_GROUPS_OF, state=state)
        return [_group(document) for (document,) in found]

    def quarantined_objects(self, id: bytes) -> list[Apart]:
        """The objects of a group that are still there. Raises `NotFound`."""
        number, _, _ = self._group(id)
        return [
            Apart(id=object_id, version=version, raw=raw, label=decode_label(label), place=place)
            for object_id, version, raw, label, place in self._session.all(_OBJECTS, group=number)
        ]

    def quarantine_extra(self, id: bytes) -> bytes:
        """What was kept for the reviewer beside the objects. Raises `NotFound`."""
        return self._group(id)[2]

    def settle(self, id: bytes, *, state: str, by: str) -> None:
        """A reviewer decided. What was kept apart is destroyed here; an admitted group is stored by then.

        Of a refused group the payload of the message that brought it goes too; what other groups of that message
        brought stands stored by itself.

        Raises:
            Refusal: it was decided already.
        """
        number, item, extra = self._group(id)
        if item.state != "waiting" or state not in SETTLED_STATES:
            raise Refusal(f"a group that is {item.state} cannot become {state}", input=id.hex())
        refused = state == "refused"
        settled = msgspec.structs.replace(item, state=state, decided_by=by)
        self._session.change(
            _SETTLE,
            of=number,
            to_state=state,
            to_document=msgspec.json.encode(settled),
            to_extra=b"" if refused else extra,
        )
        self._session.change(_DESTROY, group=number)
        if refused:
            self._destroy_payload(item.message)
            self._session.destroyed = True

    def _group(self, id: bytes) -> tuple[int, QuarantinedItem, bytes]:
        row = self._session.one(_GROUP, id=id)
        if row is None:
            raise NotFound("no such group in quarantine", input=id.hex(), do="see `simpul quarantine list`")
        return int(row[0]), _group(row[1]), bytes(row[2])

    # -- matches ---------------------------------------------------------------------------------------------

    def add_matches(self, matches: Sequence[MatchRow]) -> int:
        """Record matches; the same one twice is kept once. Returns how many were new."""
        return sum(self._session.change(_ADD_MATCH, **msgspec.structs.asdict(match)) for match in matches)

    def name_observations(self, names: Sequence[tuple[str, str]]) -> None:
        """Give the matches of an observation another name; one that is there under it already is kept once."""
        self._session.change_many(_NAME_OBSERVATION, [(after, before) for before, after in names])
        self._session.change_many(_DROP_OBSERVATION, [(before,) for before, _ in names])

    def matches(self) -> list[MatchRow]:
        """All matches, oldest first."""
        names = [c.name for c in _M if c.name != "number"]
        return [MatchRow(**dict(zip(names, row, strict=True))) for row in self._session.all(_MATCHES)]


def _merge(stored: InboxItem, part: InboxItem, *, is_first: bool) -> InboxItem:
    here = stored.parts_here + 1
    return msgspec.structs.replace(
        stored,
        sheet=stored.sheet or part.sheet,
        portions=tuple(sorted({*stored.portions, *part.portions})),
        title=stored.title or part.title,
        purpose=stored.purpose or part.purpose,
        grade=stored.grade or part.grade,
        handling=stored.handling or part.handling,
        objects=stored.objects + part.objects,
        parts_here=here,
        whole_at=part.first_arrived if here == stored.parts else None,
        message=part.message if is_first else stored.message,
    )


def _inbox_item(document: bytes) -> InboxItem:
    return msgspec.json.decode(document, type=InboxItem)


def _group(document: bytes) -> QuarantinedItem:
    return msgspec.json.decode(document, type=QuarantinedItem)
