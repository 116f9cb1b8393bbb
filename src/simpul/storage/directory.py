"""`ports.Directory` on tables: parties and their cards, key packages, mailboxes, signed documents, users, settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.parties import Party, User
from simpul.ports import Mailbox, SignedRow
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.interning import Interning
from simpul.storage.statements import Statement, bindparam, listed

MOST_INTRODUCTIONS: Final = 64
"""Hellos of parties without a card that are kept: anybody who can reach the relay can send one."""


def _put(table: Any, *key: str) -> Statement:
    """Insert a row, or replace the one of the same key."""
    new = upsert(table).values({c.name: bindparam(c.name) for c in table.c})
    rest = {c.name: new.excluded[c.name] for c in table.c if c.name not in key}
    return Statement(new.on_conflict_do_update(index_elements=list(key), set_=rest))


_GET: Final = Statement(select(t.setting.c.value).where(t.setting.c.name == bindparam("name")))
_SET: Final = _put(t.setting, "name")

_P: Final = t.partner.c
_RANK: Final = Statement(select(func.coalesce(func.max(_P.rank), 0) + 1))
_KNOWN: Final = Statement(select(_P.rank, _P.card_version).where(_P.party == bindparam("party")))
_SET_PARTNER: Final = _put(t.partner, "party")
_SET_CARD: Final = _put(t.card, "party", "version")
_CARD: Final = Statement(
    select(t.card.c.document).where(
        t.card.c.party == bindparam("party"), t.card.c.version == bindparam("version")
    )
)
_NEWEST_CARD: Final = Statement(
    select(t.card.c.document)
    .where(t.card.c.party == bindparam("party"))
    .order_by(t.card.c.version.desc())
    .limit(1)
)
_PARTNERS: Final = Statement(
    select(_P.party, _P.name, _P.country, _P.card_version, _P.trusted).order_by(_P.rank)
)

_I: Final = t.introduction.c
_SET_INTRODUCTION: Final = _put(t.introduction, "party")
_INTRODUCTION: Final = Statement(select(_I.message).where(_I.party == bindparam("party")))
_DROP_INTRODUCTION: Final = Statement(delete(t.introduction).where(_I.party == bindparam("party")))
_INTRODUCTIONS: Final = Statement(select(_I.party, _I.at).order_by(_I.at, _I.party))
_CROWDED_OUT: Final = Statement(
    delete(t.introduction).where(
        _I.party.in_(
            select(_I.party)
            .order_by(_I.at.desc(), _I.party)
            .offset(MOST_INTRODUCTIONS)
            .limit(-1)
            .scalar_subquery()
        )
    )
)

_K: Final = t.key_package.c
_SET_PACKAGE: Final = _put(t.key_package, "party", "ours", "version")
_PACKAGE: Final = Statement(
    select(_K.version, _K.document)
    .where(_K.party == bindparam("party"), _K.ours == bindparam("ours"))
    .order_by(_K.version.desc())
    .limit(1)
)

_B: Final = t.mailbox.c
_SET_MAILBOX: Final = _put(t.mailbox, "tag")
_MAILBOXES: Final = Statement(select(t.mailbox).order_by(_B.epoch, _B.tag))
_UNREGISTERED: Final = Statement(select(t.mailbox).where(_B.registered == 0).order_by(_B.epoch, _B.tag))
_MAILBOX: Final = Statement(select(t.mailbox).where(_B.tag == bindparam("tag")))
_REGISTERED: Final = Statement(
    update(t.mailbox)
    .where(_B.relay == bindparam("at_relay"), func.hex(_B.tag).in_(listed("tags")))
    .values(registered=1)
)
_DROP_MAILBOXES: Final = Statement(delete(t.mailbox).where(func.hex(_B.tag).in_(listed("tags"))))

_S: Final = t.signed_document.c
_SET_SIGNED: Final = _put(t.signed_document, "kind", "id", "version")
_newest_signed = select(t.signed_document).order_by(_S.at.desc(), _S.id, _S.version.desc())
_SIGNED: Final = Statement(_newest_signed.where(_S.kind == bindparam("kind")))
_SIGNED_OF_ID: Final = Statement(_newest_signed.where(_S.kind == bindparam("kind"), _S.id == bindparam("id")))
_SIGNED_ABOUT: Final = Statement(
    _newest_signed.where(_S.kind == bindparam("kind"), _S.party == bindparam("party"))
)
_SIGNED_BY_HASH: Final = Statement(
    select(t.signed_document).where(_S.hash == bindparam("hash"), _S.kind == bindparam("kind"))
)
_SET_USER: Final = _put(t.user, "name")
_USERS: Final = Statement(select(t.user).order_by(t.user.c.name))
_count = upsert(t.counter).values(name=bindparam("name"), value=bindparam("value"))
_COUNT: Final = Statement(
    _count.on_conflict_do_update(set_={"value": t.counter.c.value + _count.excluded.value})
)
_COUNTERS: Final = Statement(select(t.counter.c.name, t.counter.c.value).order_by(t.counter.c.name))


class DirectoryRows:
    """Implements `ports.Directory` in one unit."""

    def __init__(self, session: Session, interning: Interning) -> None:
        self._session = session
        self._interning = interning

    def get(self, name: str) -> bytes | None:
        """A setting of this home by name."""
        row = self._session.one(_GET, name=name)
        return bytes(row[0]) if row else None

    def put(self, name: str, value: bytes) -> None:
        """Set it."""
        self._session.change(_SET, name=name, value=value)

    # -- parties ---------------------------------------------------------------------------------------------

    def add_card(self, party: Party, version: int, document: bytes) -> None:
        """Keep a verified card; the highest version is the party's newest. A hello that waited for it is dropped."""
        number = self._interning.party(party.fingerprint)
        self._session.change(_SET_CARD, party=number, version=version, document=document)
        known = self._session.one(_KNOWN, party=number)
        if known is None or version >= known[1]:
            rank = known[0] if known else self._session.all(_RANK)[0][0]
            self._session.change(
                _SET_PARTNER,
                party=number,
                rank=rank,
                name=party.name,
                country=party.country,
                card_version=version,
                trusted=int(party.trusted),
            )
        self._session.change(_DROP_INTRODUCTION, party=party.fingerprint)

    def card(self, party: str, version: int | None = None) -> bytes | None:
        """A party's card document, the newest by default."""
        number = self._interning.known_party(party)
        if version is None:
            row = self._session.one(_NEWEST_CARD, party=number)
        else:
            row = self._session.one(_CARD, party=number, version=version)
        return bytes(row[0]) if row else None

    def parties(self) -> list[Party]:
        """Every party with a card, in the order in which their first cards came: this node is the first."""
        return [
            Party(
                fingerprint=self._interning.fingerprint(number),
                name=name,
                country=country,
                card_version=card_version,
                trusted=bool(trusted),
            )
            for number, name, country, card_version, trusted in self._session.all(_PARTNERS)
        ]

    def add_introduction(self, party: str, message: bytes, at: int) -> None:
        """Keep a hello of a party without a card, the newest only and at most 64 in all."""
        self._session.change(_SET_INTRODUCTION, party=party, message=message, at=at)
        self._session.change(_CROWDED_OUT)

    def take_introduction(self, party: str) -> bytes | None:
        """Give it out and forget it."""
        row = self._session.one(_INTRODUCTION, party=party)
        self._session.change(_DROP_INTRODUCTION, party=party)
        return bytes(row[0]) if row else None

    def introductions(self) -> list[tuple[str, int]]:
        """Parties that said hello and have no card here, with the time."""
        return [(party, at) for party, at in self._session.all(_INTRODUCTIONS)]

    # -- keys and mailboxes ----------------------------------------------------------------------------------

    def add_package(self, party: str, *, ours: bool, version: int, document: bytes) -> None:
        """Keep a key package: `ours` was issued by us to the party, else by the party to us."""
        number = self._interning.party(party)
        self._session.change(_SET_PACKAGE, party=number, ours=int(ours), version=version, document=document)

    def package(self, party: str, *, ours: bool) -> tuple[int, bytes] | None:
        """The newest key package and its version."""
        row = self._session.one(_PACKAGE, party=self._interning.known_party(party), ours=int(ours))
        return (row[0], row[1]) if row else None

    def add_mailboxes(self, boxes: Sequence[Mailbox]) -> None:
        """Record mailboxes that this node reads."""
        for box in boxes:
            values = msgspec.structs.asdict(box) | {"registered": int(box.registered)}
            self._session.change(_SET_MAILBOX, **values)

    def mailboxes(self, *, unregistered: bool = False) -> list[Mailbox]:
        """Mailboxes that this node reads; with `unregistered` only those that no relay knows yet."""
        return [_mailbox(row) for row in self._session.all(_UNREGISTERED if unregistered else _MAILBOXES)]

    def mailbox(self, tag: bytes) -> Mailbox | None:
        """One by its tag."""
        row = self._session.one(_MAILBOX, tag=tag)
        return _mailbox(row) if row else None

    def registered(self, relay: str, tags: Sequence[bytes]) -> None:
        """The relay knows these."""
        self._session.change(_REGISTERED, at_relay=relay, tags=_hex(tags))

    def drop_mailboxes(self, tags: Sequence[bytes]) -> None:
        """They are no longer read."""
        self._session.change(_DROP_MAILBOXES, tags=_hex(tags))

    # -- signed documents, users, counters ----------------------------------------------------------------------

    def put_signed(self, row: SignedRow) -> None:
        """Insert or replace one version of a document that parties sign (it gains signatures)."""
        values = msgspec.structs.asdict(row) | {"signed_by": json.dumps(row.signed_by)}
        self._session.change(_SET_SIGNED, **values)

    def signed(self, kind: str, *, id: str | None = None, party: str | None = None) -> list[SignedRow]:
        """Every version of every document of a kind, newest first; of one id, or about one party, if stated."""
        if id is not None:
            rows = [_signed(row) for row in self._session.all(_SIGNED_OF_ID, kind=kind, id=id)]
            return [row for row in rows if party in (None, row.party)]
        if party is not None:
            return [_signed(row) for row in self._session.all(_SIGNED_ABOUT, kind=kind, party=party)]
        return [_signed(row) for row in self._session.all(_SIGNED, kind=kind)]

    def signed_by_hash(self, kind: str, hash: bytes) -> SignedRow | None:
        """The one document of a kind with this hash."""
        row = self._session.one(_SIGNED_BY_HASH, kind=kind, hash=hash)
        return None if row is None else _signed(row)

    def put_user(self, user: User) -> None:
        """Insert or replace (a changed passphrase)."""
        self._session.change(_SET_USER, **msgspec.structs.asdict(user))

    def users(self) -> list[User]:
        """All users by name."""
        return [User(**dict(zip(t.user.c.keys(), row, strict=True))) for row in self._session.all(_USERS)]

    def count(self, name: str, by: int) -> None:
        """Add to one of the home's counters."""
        self._session.change(_COUNT, name=name, value=by)

    def counters(self) -> dict[str, int]:
        """All counters."""
        return {name: value for name, value in self._session.all(_COUNTERS)}  # noqa: C416  (typed rows)


def _signed(row: tuple[Any, ...]) -> SignedRow:
    named = dict(zip(_S.keys(), row, strict=True))
    named["signed_by"] = tuple(json.loads(named["signed_by"]))
    return SignedRow(**named)


def _mailbox(row: tuple[Any, ...]) -> Mailbox:
    named = dict(zip(_B.keys(), row, strict=True))
    named["registered"] = bool(named["registered"])
    return Mailbox(**named)


def _hex(tags: Sequence[bytes]) -> str:
    return json.dumps([tag.hex().upper() for tag in tags])
