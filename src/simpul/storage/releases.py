"""Releases on tables: what each recipient gets, leaf by leaf, and who approved it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import insert, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.objects import ObjectKey
from simpul.domain.products import Approval
from simpul.domain.releases import MOVES, Release, ReleaseLeaf, ReleaseState
from simpul.errors import ApprovalRefusal, NotFound
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.heads import HeadRow, Heads
from simpul.storage.interning import Interning
from simpul.storage.objects import ObjectRows
from simpul.storage.proofs import OF_RELEASE, ProofRows
from simpul.storage.statements import Rows, Statement, bindparam, listed

_R: Final = t.release.c
_L: Final = t.release_leaf.c
_ADD: Final = Statement(
    insert(t.release).values({c.name: bindparam(c.name) for c in _R if c.name != "number"})
)
_UNRELEASED: Final = Statement(
    select(_R.document).where(
        _R.product == bindparam("product"),
        _R.recipient == bindparam("recipient"),
        (_R.state == ReleaseState.FIXED.value) | (_R.state == ReleaseState.APPROVED.value),
    )
)
_UPDATE: Final = Statement(
    update(t.release)
    .where(_R.id == bindparam("of"))
    .values(state=bindparam("to_state"), document=bindparam("to_document"))
)
_BY_ID: Final = Statement(select(_R.document).where(_R.id == bindparam("id")))
_NUMBER: Final = Statement(select(_R.number).where(_R.id == bindparam("id")))
_CURRENT: Final = Statement(
    select(_R.document)
    .where(
        _R.recipient == bindparam("recipient"),
        _R.product == bindparam("product"),
        _R.version == bindparam("version"),
        _R.state != ReleaseState.VOID.value,
        _R.state != ReleaseState.FIXING.value,
    )
    .order_by(_R.number.desc())
    .limit(1)
)
_ALL: Final = Statement(select(_R.document).order_by(_R.number.desc()))
_ADD_LEAVES: Final = Rows(t.release_leaf)
_LEAVES: Final = Statement(
    select(t.release_leaf, t.body.c.raw)
    .select_from(t.release_leaf.outerjoin(t.body, t.body.c.arrival == _L.arrival))
    .where(
        _L.release == bindparam("release"),
        _L.position >= bindparam("start"),
        _L.position < bindparam("stop"),
    )
    .order_by(_L.position)
)
_PROOFS: Final = Statement(
    select(t.release_proof).where(
        t.release_proof.c.release == bindparam("release"),
        t.release_proof.c.position >= bindparam("start"),
        t.release_proof.c.position < bindparam("stop"),
    )
)
_CONSENTS: Final = Statement(
    select(t.attached.c.document)
    .where(
        t.attached.c.sha256.in_(
            select(t.release_proof.c.consent).where(t.release_proof.c.release == bindparam("release"))
        )
    )
    .order_by(t.attached.c.sha256)
)
_TREE: Final = Statement(
    select(t.release_tree.c.hashes).where(t.release_tree.c.release == bindparam("release"))
)
_set_tree = upsert(t.release_tree).values(release=bindparam("release"), hashes=bindparam("hashes"))
_SET_TREE: Final = Statement(_set_tree.on_conflict_do_update(set_={"hashes": _set_tree.excluded.hashes}))
_APPROVE: Final = Statement(
    upsert(t.approval)
    .values(release=bindparam("release"), user=bindparam("user"), document=bindparam("document"))
    .on_conflict_do_nothing()
)
_APPROVALS: Final = Statement(
    select(t.approval.c.document)
    .where(t.approval.c.release == bindparam("release"))
    .order_by(t.approval.c.number)
)
_CARRIED: Final = Statement(
    select(_L.arrival)
    .distinct()
    .select_from(t.release_leaf.join(t.release, _R.number == _L.release))
    .where(
        _L.arrival.in_(listed("arrivals")),
        _R.recipient == bindparam("recipient"),
        _R.state == ReleaseState.RELEASED.value,
        # What this node took back again is no longer granted by the release that carried it.
        literal_column(
            "NOT EXISTS (SELECT 1 FROM tombstone AS stone JOIN recall ON recall.number = stone.recall"
            " WHERE stone.kind = 'product' AND stone.name = release.product"
            " AND (stone.version IS NULL OR stone.version = release.version)"
            " AND recall.document ->> '$.ours' = 1 AND recall.document ->> '$.action' = 'recall')"
        ),
    )
)
_TAKEN_BACK: Final = Statement(
    "SELECT stone.name, stone.version, stone.sha256 FROM json_each(:ids) AS named"
    " CROSS JOIN tombstone AS stone ON stone.name = named.value JOIN recall ON recall.number = stone.recall"
    " WHERE stone.kind = 'object' AND recall.document ->> '$.ours' = 1 AND recall.document ->> '$.action' = 'recall'"
)


class ReleaseRows:
    """The part of `ports.Products` that is about releases."""

    def __init__(self, session: Session, interning: Interning, objects: ObjectRows) -> None:
        self._session = session
        self._interning = interning
        self._objects = objects
        self._heads = Heads(session, interning)
        self._proofs = ProofRows(session)

    def add_release(self, release: Release) -> None:
        """Store a fixed release. An older unreleased one for the same product and recipient becomes `void`."""
        recipient = self._interning.party(release.recipient)
        for (document,) in self._session.all(_UNRELEASED, product=release.product, recipient=recipient):
            self.update_release(msgspec.structs.replace(_release(document), state=ReleaseState.VOID))
        self._session.change(
            _ADD,
            id=release.id,
            product=release.product,
            version=release.version,
            recipient=recipient,
            state=release.state.value,
            document=msgspec.json.encode(release),
        )

    def update_release(self, release: Release) -> None:
        """Store new `state`, `signed`, `approved_at`, `released_at` of a release.

        Raises:
            NotFound: no such release.
            ApprovalRefusal: it cannot go from where it stands to that state (`domain.releases.MOVES`).
        """
        stored = self.release_by_id(release.id)
        if release.state is not stored.state and release.state not in MOVES[stored.state]:
            raise ApprovalRefusal(
                f"a release that is {stored.state} cannot become {release.state}", input=release.product
            )
        changed = msgspec.structs.replace(
            stored,
            state=release.state,
            signed=release.signed,
            approved_at=release.approved_at,
            released_at=release.released_at,
        )
        self._session.change(
            _UPDATE, of=release.id, to_state=changed.state.value, to_document=msgspec.json.encode(changed)
        )

    def release(self, product: str, version: int, recipient: str) -> Release | None:
        """The newest release that is not void, if any."""
        number = self._interning.known_party(recipient)
        row = self._session.one(_CURRENT, product=product, version=version, recipient=number)
        return _release(row[0]) if row else None

    def release_by_id(self, id: bytes) -> Release:
        """Raises `NotFound`."""
        row = self._session.one(_BY_ID, id=id)
        if row is None:
            raise NotFound("no such release here", input=id.hex())
        return _release(row[0])

    def releases(self) -> list[Release]:
        """All releases, newest first, void ones included."""
        return [_release(document) for (document,) in self._session.all(_ALL)]

    # -- leaves ----------------------------------------------------------------------------------------------

    def add_leaves(self, release: bytes, leaves: Sequence[ReleaseLeaf]) -> None:
        """Append leaves of a fixed release. Raises `NotFound`: the release, or an object of a leaf."""
        number = self._number(release)
        rows = self._objects.rows_of([leaf.key for leaf in leaves if leaf.key is not None])
        self._session.insert(
            _ADD_LEAVES,
            [
                (
                    number,
                    leaf.position,
                    leaf.kind,
                    _arrival(leaf, rows),
                    leaf.number,
                    leaf.label,
                    leaf.salt,
                    leaf.hash,
                    leaf.body,
                )
                for leaf in leaves
            ],
        )
        going = [(leaf.position, leaf.proof) for leaf in leaves if leaf.proof is not None]
        self._proofs.keep(OF_RELEASE, number, going)

    def leaves(self, release: bytes, start: int, stop: int) -> list[tuple[ReleaseLeaf, bytes]]:
        """Leaves with `start <= position < stop`, by position, each with the exact bytes it stands for."""
        number = self._number(release)
        found = self._session.all(_LEAVES, release=number, start=start, stop=stop)
        proofs = {
            row[1]: self._proofs.read(row)
            for row in self._session.all(_PROOFS, release=number, start=start, stop=stop)
        }
        arrivals = [row[3] for row in found if row[3] is not None]
        keys = {row.arrival: self._heads.key(row) for row in self._heads.rows(arrivals)} if arrivals else {}
        return [
            (
                ReleaseLeaf(
                    position=position,
                    kind=kind,
                    key=keys.get(arrival),
                    number=portion,
                    body=body,
                    label=label,
                    salt=salt,
                    hash=digest,
                    proof=proofs.get(position),
                ),
                body if body is not None else raw,
            )
            for _, position, kind, arrival, portion, label, salt, digest, body, raw in found
        ]

    def consents(self, release: bytes) -> list[bytes]:
        """The grant documents on which leaves of a release rest."""
        return [
            bytes(document) for (document,) in self._session.all(_CONSENTS, release=self._number(release))
        ]

    def leaf_hashes(self, release: bytes) -> bytes:
        """All leaf hashes of the padded tree, 32 bytes each, by position. Empty before they were set."""
        row = self._session.one(_TREE, release=self._number(release))
        return bytes(row[0]) if row else b""

    def set_leaf_hashes(self, release: bytes, hashes: bytes) -> None:
        """Keep all leaf hashes of the padded tree (entries and padding)."""
        self._session.change(_SET_TREE, release=self._number(release), hashes=hashes)

    def _number(self, release: bytes) -> int:
        row = self._session.one(_NUMBER, id=release)
        if row is None:
            raise NotFound("no such release here", input=release.hex())
        return int(row[0])

    # -- approvals and grants --------------------------------------------------------------------------------

    def add_approval(self, release: bytes, approval: Approval) -> None:
        """Add an approval. The same user approving twice counts once."""
        self._session.change(
            _APPROVE,
            release=self._number(release),
            user=approval.user,
            document=msgspec.json.encode(approval),
        )

    def approvals(self, release: bytes) -> list[Approval]:
        """Approvals of a release, oldest first."""
        found = self._session.all(_APPROVALS, release=self._number(release))
        return [msgspec.json.decode(document, type=Approval) for (document,) in found]

    def granted(self, party: str, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that an earlier unrecalled release from here carried to this party (law 2)."""
        rows = self._objects.rows_of_ids(ids)
        arrivals = json.dumps([row.arrival for row in rows])
        recipient = self._interning.known_party(party)
        carried = {
            arrival for (arrival,) in self._session.all(_CARRIED, arrivals=arrivals, recipient=recipient)
        }
        back: dict[str, list[tuple[int | None, bytes]]] = {}
        for name, version, sha256 in self._session.all(_TAKEN_BACK, ids=json.dumps(list(ids))):
            back.setdefault(name, []).append((version, sha256))
        granted = set()
        for row in rows:
            id = self._heads.id(row)
            taken = any(
                version in (None, row.version) and sha256 in (b"", row.sha256)
                for version, sha256 in back.get(id, ())
            )
            if row.arrival in carried and not taken:
                granted.add(id)
        return granted


def _release(document: bytes) -> Release:
    return msgspec.json.decode(document, type=Release)


def _arrival(leaf: ReleaseLeaf, rows: dict[ObjectKey, HeadRow]) -> int | None:
    """The stored object of a leaf, None for a leaf without one. Raises `NotFound` if it is not stored."""
    if leaf.key is None:
        return None
    if leaf.key not in rows:
        raise NotFound(f"no such object here: {leaf.key.id}", input=leaf.key.id)
    return rows[leaf.key].arrival
