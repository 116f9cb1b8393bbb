"""Drafting a product: the cover sheet, its narrative, and the objects it carries."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from simpul.domain.grading import parse_grade
from simpul.domain.labels import NO_ONWARD, Label, Tlp
from simpul.domain.objects import ObjectKey
from simpul.domain.products import Precedence, Product, Times
from simpul.errors import InputFault
from simpul.formats.terms import Portions, read_portions
from simpul.ports import Unit
from simpul.protocol.canonical import encode
from simpul.protocol.labels import label_hash
from simpul.protocol.versions import payload_type
from simpul.services.auditing import record
from simpul.services.enrolling import Signer
from simpul.services.marking import owner_label
from simpul.services.node import Node
from simpul.services.querying import heads_of, query_of, recipient_of
from simpul.services.small_files import Written, called, read_small


class Draft(Struct, frozen=True, kw_only=True):
    """What a drafter states. `query` is None, or a Q whose newest versions are carried ("" is everything)."""

    title: str
    purpose: str
    precedence: Precedence
    grade: str
    handling: str
    objects: tuple[str, ...]
    query: str | None
    portions: Written | None
    label: Written | None
    revises: str | None


def draft(node: Node, signer: Signer, wanted: Draft) -> Product:
    """Store a product, or the next version of one, signed by its drafter.

    Raises:
        InputFault: the grade, a file, the query, or an empty title.
        NotFound: an object or the product to revise.
    """
    if not wanted.title.strip() or not wanted.purpose.strip():
        raise InputFault("a product has a title and a purpose", input="--title")
    with node.store.write() as unit:
        revised = unit.products.product(wanted.revises) if wanted.revises else None
        text = _portions(unit, wanted.portions)
        product = Product(
            id=revised.id if revised else f"product--{UUID(bytes=node.entropy(16), version=4)}",
            version=revised.version + 1 if revised else 1,
            originator=node.party,
            title=wanted.title.strip(),
            purpose=wanted.purpose,
            precedence=wanted.precedence,
            handling=wanted.handling,
            grade=parse_grade(wanted.grade),
            label=_sheet_label(unit, wanted, text),
            portions=text.portions,
            times=Times(known=node.clock()),
            drafter=signer.name,
            objects=0,
        )
        query = None if wanted.query is None else query_of(unit, node, wanted.query)
        unit.products.add(product, query, _keys(unit, node, wanted.objects))
        stored = unit.products.product(product.id, product.version)
        statement = _statement(unit, stored)
        signatures = signer.sign(payload_type("draft", node.realm), statement)
        record(
            unit,
            node,
            "draft",
            {
                "by": signer.name,
                "product": stored.id,
                "version": stored.version,
                "objects": stored.objects,
                "statement": statement.hex(),
                "key": signer.public.id.hex(),
                "signatures": [s.hex() for s in signatures],
            },
        )
        return stored


def _statement(unit: Unit, product: Product) -> bytes:
    """What the drafter signs: which version, under which labels. The approver signs what goes to each recipient."""
    return encode(
        {
            "product": product.id,
            "version": product.version,
            "title": product.title,
            "purpose": product.purpose,
            "labels": unit.products.labels_digest(product.id, product.version).hex(),
            "texts": [label_hash(p.label).hex() for p in product.portions],
        }
    )


def _portions(unit: Unit, file: Written | None) -> Portions:
    if file is None:
        return Portions(sheet=None, portions=())
    return read_portions(read_small(file), party=lambda name: recipient_of(unit, name), input=called(file))


def _sheet_label(unit: Unit, wanted: Draft, text: Portions) -> Label:
    """The cover sheet's label: as stated, else TLP:AMBER for the stated purpose, to whom the product goes."""
    if wanted.label is not None:
        return owner_label(unit, label=wanted.label, tlp=None)
    if text.sheet is not None:
        return text.sheet
    return Label(tlp=Tlp.AMBER, purposes=frozenset({wanted.purpose}), onward=NO_ONWARD)


def _keys(unit: Unit, node: Node, ids: tuple[str, ...]) -> list[ObjectKey]:
    """The newest version of each id; of this node's own where there are several originators."""
    found: list[ObjectKey] = []
    for id in ids:
        heads = heads_of(unit, id)
        heads = [h for h in heads if h.key.originator == node.party] or heads
        newest = max(h.key.version for h in heads)
        found += [h.key for h in heads if h.key.version == newest]
    return found
