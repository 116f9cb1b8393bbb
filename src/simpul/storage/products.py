"""`ports.Products` on tables: products and their members. Releases are in releases.py."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import func, insert, select

from simpul.domain.objects import ObjectKey
from simpul.domain.products import Product
from simpul.domain.queries import Query
from simpul.errors import NotFound
from simpul.ports import StoredHead
from simpul.storage import tables as t
from simpul.storage.releases import ReleaseRows
from simpul.storage.statements import Rows, Statement, bindparam

_P: Final = t.product.c
_ADD: Final = Statement(
    insert(t.product)
    .values({c.name: bindparam(c.name) for c in _P if c.name != "number"})
    .returning(_P.number)
)
_ADD_MEMBER: Final = Rows(t.product_member)
_MEMBERS: Final = Statement(
    select(*t.head.c, t.body.c.raw)
    .select_from(
        t.product_member.join(t.head, t.head.c.arrival == t.product_member.c.arrival).join(
            t.body, t.body.c.arrival == t.product_member.c.arrival
        )
    )
    .where(t.product_member.c.product == bindparam("product"))
    .order_by(t.product_member.c.arrival)
)
_MEMBER_LABELS: Final = Statement(
    "SELECT arrival, label, number FROM ("
    " SELECT m.arrival, head.label, 0 AS number FROM product_member AS m"
    " JOIN head ON head.arrival = m.arrival WHERE m.product = :product"
    " UNION ALL SELECT m.arrival, portion.label, portion.number FROM product_member AS m"
    " JOIN portion ON portion.arrival = m.arrival WHERE m.product = :product"
    ") ORDER BY arrival, number"
)
_ONE: Final = Statement(
    select(_P.document)
    .where(_P.id == bindparam("id"), _P.version == bindparam("version"))
    .order_by(_P.number.desc())
)
_NEWEST: Final = Statement(
    select(_P.document).where(_P.id == bindparam("id")).order_by(_P.version.desc(), _P.number.desc()).limit(1)
)
_NUMBER: Final = Statement(
    select(_P.number).where(_P.id == bindparam("id"), _P.version == bindparam("version"))
)
_newer = t.product.alias()
_ALL: Final = Statement(
    select(_P.document)
    .where(
        _P.version
        == select(func.max(_newer.c.version))
        .where(_newer.c.originator == _P.originator, _newer.c.id == _P.id)
        .scalar_subquery()
    )
    .order_by(_P.number.desc())
)


class ProductRows(ReleaseRows):
    """Implements `ports.Products` in one unit."""

    def add(self, product: Product, query: Query | None, keys: Sequence[ObjectKey]) -> int:
        """Store a product version with the objects it carries; returns how many."""
        members = set(self._arrivals(keys))
        if query is not None:
            found = self._objects.search(query, None).rows(newest_first=False, latest=True)
            members.update(row.arrival for row in found)
        kept = msgspec.structs.replace(product, objects=len(members))
        number = self._session.returning(
            _ADD,
            originator=self._interning.party(product.originator),
            id=product.id,
            version=product.version,
            document=msgspec.json.encode(kept),
        )[0][0]
        self._session.insert(_ADD_MEMBER, ((number, arrival) for arrival in sorted(members)))
        return len(members)

    def product(self, id: str, version: int | None = None) -> Product:
        """One version, the newest by default. Raises `NotFound`."""
        if version is None:
            row = self._session.one(_NEWEST, id=id)
        else:
            row = self._session.one(_ONE, id=id, version=version)
        if row is None:
            raise NotFound(f"no such product here: {id}", input=id, do="see `simpul product list`")
        return msgspec.json.decode(row[0], type=Product)

    def products(self) -> list[Product]:
        """The newest version of each product of this node, newest first."""
        return [msgspec.json.decode(document, type=Product) for (document,) in self._session.all(_ALL)]

    def members(self, id: str, version: int) -> Iterator[tuple[StoredHead, bytes]]:
        """The objects a version carries with their bytes, oldest arrival first."""
        return self._heads.with_bytes(self._session.each(_MEMBERS, product=self._product(id, version)), None)

    def labels_digest(self, id: str, version: int) -> bytes:
        """SHA-256 over the label hashes of every portion of the objects a version carries."""
        digest = hashlib.sha256()
        for _, label, _ in self._session.each(_MEMBER_LABELS, product=self._product(id, version)):
            digest.update(self._interning.label_hash(label))
        return digest.digest()

    def _product(self, id: str, version: int) -> int:
        row = self._session.one(_NUMBER, id=id, version=version)
        if row is None:
            raise NotFound(f"no such product here: {id} version {version}", input=id)
        return int(row[0])

    def _arrivals(self, keys: Sequence[ObjectKey]) -> Iterable[int]:
        rows = self._objects.rows_of(keys)
        for key in keys:
            if key not in rows:
                raise NotFound(f"no such object here: {key.id}", input=key.id)
            yield rows[key].arrival
