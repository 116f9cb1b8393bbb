"""National overlays: this nation's own rules, adopted version by version and laid over every agreement.

An overlay may only restrict (`domain.overlays`), is signed by this nation's key, never leaves the home, and each version
is kept. Adopting one needs two people, as a release does: a later version may say less than the one before, and so may
open what was closed. The first person proposes the very file that the second adopts; nothing holds before that.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from simpul.domain.overlays import Overlay
from simpul.errors import ApprovalRefusal, InputFault, NotFound, TooLarge
from simpul.formats.overlays import read_overlay, write_overlay
from simpul.ports import SignedRow, Unit
from simpul.protocol.canonical import Wire, decode, encode
from simpul.protocol.documents import parse_document, sign
from simpul.protocol.keys import SigningKey
from simpul.protocol.overlays import KIND, OVERLAY_LIMIT, decode_overlay, encode_overlay
from simpul.services.auditing import record
from simpul.services.enrolling import Signer
from simpul.services.node import Node
from simpul.services.querying import names_of, recipient_of
from simpul.services.small_files import Written, called, read_small

_OFFERED: Final = "overlay-offered"
"""Setting: what one person proposed and no second person has adopted yet; a newer proposal takes its place."""

ADOPTED: Final = "adopted"
SUPERSEDED: Final = "superseded"
PROPOSED: Final = "proposed"


class _Offer(Wire, frozen=True, kw_only=True):
    by: str
    at: int
    overlay: str


class Adopted(Struct, frozen=True, kw_only=True):
    """One version of this nation's rules. `at` is microseconds UTC; `words` are the rules as TOML."""

    version: int
    hash: bytes
    title: str
    rules: int
    state: str
    by: tuple[str, ...]
    at: int
    words: str


def propose_overlay(node: Node, signer: Signer, file: Written) -> Adopted:
    """Offer rules for adoption. They decide nothing until another person adopts the same file.

    Raises:
        InputFault: the file, another nation's rules, or a version that is not the next.
    """
    with node.store.write() as unit:
        overlay = _read(unit, node, file)
        payload = encode_overlay(overlay)
        offer = _Offer(by=signer.name, at=node.clock(), overlay=payload.decode())
        unit.directory.put(_OFFERED, encode(offer))
        _record(unit, node, "propose", overlay, payload, signer.name)
        return _offered(unit, offer)


def adopt_overlay(node: Node, signer: Signer, file: Written) -> Adopted:
    """Adopt the rules that another person proposed: from now on they restrict every decision.

    Raises:
        InputFault: the file.
        ApprovalRefusal: nothing was proposed, another text was, or by the same person.
    """
    with node.store.write() as unit:
        overlay = _read(unit, node, file)
        payload = encode_overlay(overlay)
        # (1) somebody proposed exactly this
        raw = unit.directory.get(_OFFERED)
        offer = decode(raw, _Offer, OVERLAY_LIMIT * 2) if raw else None
        if offer is None or offer.overlay.encode() != payload:
            raise ApprovalRefusal(
                "nobody has proposed these rules",
                input=called(file),
                do="have one person run `simpul overlay propose` on this file, and another adopt it",
            )
        # (2) and it was somebody else
        if offer.by == signer.name:
            raise ApprovalRefusal(
                f"'{signer.name}' proposed these rules and cannot adopt them",
                input="--as",
                do="a second person must adopt them",
            )
        document = sign(KIND, node.realm, payload, SigningKey(node.keyring.secret("signing")))
        row = SignedRow(
            kind=KIND,
            id=node.party,
            version=overlay.version,
            hash=document.hash,
            document=document.encode(),
            signed_by=(node.party,),
            proposed_by=f"{offer.by} {signer.name}",
            at=node.clock(),
        )
        unit.directory.put_signed(row)
        unit.directory.put(_OFFERED, b"")
        _record(unit, node, "adopt", overlay, payload, signer.name)
        return _adopted(unit, row, ADOPTED)


def list_overlays(node: Node) -> list[Adopted]:
    """Every version, newest first; what waits for a second person before all."""
    with node.store.read() as unit:
        raw = unit.directory.get(_OFFERED)
        waiting = [_offered(unit, decode(raw, _Offer, OVERLAY_LIMIT * 2))] if raw else []
        rows = _rows(unit, node)
        return waiting + [_adopted(unit, row, SUPERSEDED if k else ADOPTED) for k, row in enumerate(rows)]


def show_overlay(node: Node, version: int | None) -> Adopted:
    """One version of the rules, by default the one in force. Raises `NotFound`."""
    for each in list_overlays(node):
        if each.version == version or (version is None and each.state == ADOPTED):
            return each
    raise NotFound(
        "no such version of this nation's rules" if version else "this nation has adopted no rules",
        input="overlay",
        do="see `simpul overlay list`",
    )


def _read(unit: Unit, node: Node, file: Written) -> Overlay:
    overlay = read_overlay(read_small(file), party=lambda name: recipient_of(unit, name), input=called(file))
    if overlay.party != node.party:
        raise InputFault("these are another nation's rules", input=called(file), where="party")
    newest = max((row.version for row in _rows(unit, node)), default=0)
    if overlay.version != newest + 1:
        raise InputFault(
            f"the next version of this nation's rules is {newest + 1}",
            input=called(file),
            where="version",
            do=f"write version = {newest + 1}",
        )
    if len(encode_overlay(overlay)) > OVERLAY_LIMIT:
        raise TooLarge(f"the rules take more than {OVERLAY_LIMIT} bytes", input=called(file))
    return overlay


def _rows(unit: Unit, node: Node) -> list[SignedRow]:
    return sorted(unit.directory.signed(KIND, id=node.party), key=lambda row: -row.version)


def _offered(unit: Unit, offer: _Offer) -> Adopted:
    overlay = decode_overlay(offer.overlay.encode())
    return _shown(unit, overlay, bytes(32), PROPOSED, (offer.by,), offer.at)


def _adopted(unit: Unit, row: SignedRow, state: str) -> Adopted:
    overlay = decode_overlay(parse_document(row.document).payload)
    return _shown(unit, overlay, row.hash, state, tuple(row.proposed_by.split()), row.at)


def _shown(unit: Unit, overlay: Overlay, hash: bytes, state: str, by: tuple[str, ...], at: int) -> Adopted:
    names = names_of(unit)
    return Adopted(
        version=overlay.version,
        hash=hash,
        title=overlay.title,
        rules=len(overlay.rules),
        state=state,
        by=by,
        at=at,
        words=write_overlay(overlay, name_of=lambda party: names.get(party, party)),
    )


def _record(unit: Unit, node: Node, step: str, overlay: Overlay, payload: bytes, by: str) -> None:
    record(
        unit,
        node,
        "overlay",
        {"step": step, "version": overlay.version, "overlay": payload.hex(), "by": by},
    )
