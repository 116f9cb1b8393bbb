"""What the contract suites put into a store: small, and each different from the next."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from simpul.domain.grading import Grade
from simpul.domain.labels import Label, Tlp
from simpul.domain.mail import InboxItem, Incoming, Outgoing, QuarantinedItem
from simpul.domain.objects import Granular, Marked, Object, ObjectKey, Value
from simpul.domain.products import Portion, Precedence, Product, Times
from simpul.domain.releases import Release, ReleaseState, Withheld

HERE = "a" * 50
THERE = "b" * 50

GREEN = Label(tlp=Tlp.GREEN)
AMBER = Label(tlp=Tlp.AMBER)
RED = Label(tlp=Tlp.RED)


def stix_id(number: int, kind: str = "indicator") -> str:
    return f"{kind}--{uuid.uuid5(uuid.NAMESPACE_URL, str(number))}"


def marked(
    number: int,
    label: Label = GREEN,
    *further: Label,
    version: int = 1_000_000,
    text: str = "radiological source",
    texts: tuple[str, ...] | None = None,
    values: tuple[Value, ...] = (),
    originator: str = HERE,
    kind: str = "indicator",
    salt: str = "",
    revoked: bool = False,
) -> Marked:
    name = stix_id(number, kind)
    raw = f'{{"id":"{name}","version":{version},"salt":"{salt}"}}'.encode()
    return Marked(
        originator=originator,
        labels=(label, *further),
        object=Object(
            id=name,
            type=kind,
            version=version,
            raw=raw,
            sha256=hashlib.sha256(raw).digest(),
            revoked=revoked,
            markings=("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",),
            granular=tuple(
                Granular(selectors=(f"x_{n}",), markings=(stix_id(n, "marking-definition"),))
                for n, _ in enumerate(further)
            ),
            values=values,
            texts=texts or (text,),
        ),
    )


def key_of(marked: Marked) -> ObjectKey:
    found = marked.object
    return ObjectKey(originator=marked.originator, id=found.id, version=found.version, sha256=found.sha256)


def product(number: int = 1, version: int = 1) -> Product:
    return Product(
        id=stix_id(number, "product"),
        version=version,
        originator=HERE,
        title="A source on its way",
        purpose="counter-proliferation",
        precedence=Precedence.FLASH,
        handling="",
        grade=Grade("B", "2"),
        label=AMBER,
        portions=(Portion(number=1, text="It left the port.", label=RED),),
        times=Times(known=5),
        drafter="sari",
        objects=0,
    )


def release(number: int = 1, **changes: Any) -> Release:
    values: dict[str, Any] = {
        "id": number.to_bytes(16, "big"),
        "product": stix_id(1, "product"),
        "version": 1,
        "recipient": THERE,
        "root": bytes(32),
        "leaves": 4,
        "entries": 3,
        "parts": 1,
        "manifest": b"{}",
        "signed": b"",
        "agreement": bytes(32),
        "policy": bytes(32),
        "obligations": ("attribute: us",),
        "objects": 1,
        "redacted": 0,
        "withheld": (Withheld(clause="tlp", count=2),),
        "needed": 1,
        "state": ReleaseState.FIXED,
        "created": 5,
        "approved_at": None,
        "released_at": None,
    }
    return Release(**(values | changes))


def outgoing(number: int, **changes: Any) -> Outgoing:
    values: dict[str, Any] = {
        "id": number.to_bytes(16, "big"),
        "to": THERE,
        "kind": "release",
        "lane": "normal",
        "payload": b"payload %d" % number,
        "length": 10,
        "encoding": "identity",
        "created": 5,
        "decided_at": 5,
        "expires": 500,
        "leaf_salt": bytes(32),
    }
    return Outgoing(**(values | changes))


def incoming(seed: int, **changes: Any) -> Incoming:
    values: dict[str, Any] = {
        "sender": THERE,
        "name": hashlib.sha256(str(seed).encode()).digest(),
        "stream": b"s" * 16,
        "number": seed,
        "kind": "release",
        "message": b"message %d" % seed,
        "seal": b"seal",
        "signatures": (b"one", b"two"),
        "payload": b"payload %d" % seed,
        "card_version": 1,
        "outcome": "admitted",
        "objects": 3,
        "arrived": 7,
    }
    return Incoming(**(values | changes))


def inbox_item(**changes: Any) -> InboxItem:
    values: dict[str, Any] = {
        "sender": THERE,
        "product": stix_id(1, "product"),
        "version": 1,
        "root": bytes(32),
        "manifest": b"{}",
        "title": "",
        "purpose": "counter-proliferation",
        "precedence": "priority",
        "grade": "",
        "handling": "",
        "sheet": b"",
        "portions": (),
        "parts": 2,
        "parts_here": 0,
        "objects": 1,
        "created": 5,
        "first_arrived": 7,
        "whole_at": None,
        "opened_at": None,
        "message": bytes(32),
    }
    return InboxItem(**(values | changes))


def group(number: int = 1, **changes: Any) -> QuarantinedItem:
    values: dict[str, Any] = {
        "id": number.to_bytes(16, "big"),
        "sender": THERE,
        "message": hashlib.sha256(b"1").digest(),
        "kind": "release",
        "reasons": (("topic", "not agreed"),),
        "label": b"{}",
        "objects": 1,
        "arrived": 7,
        "state": "waiting",
        "decided_by": "",
    }
    return QuarantinedItem(**(values | changes))
