"""What partners signed, kept so that it can be verified again: receipts, and words that contradict each other."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from simpul.domain.mail import Evidence, Incoming
from simpul.errors import InputFault, PartnerFault
from simpul.ports import Unit
from simpul.protocol.canonical import decode
from simpul.protocol.envelope import Opened, verify_again
from simpul.protocol.keys import Signatures
from simpul.protocol.log import Checkpoint, parse_checkpoint, verifier_keys
from simpul.protocol.message import Seal
from simpul.services.auditing import record
from simpul.services.connecting import card_of
from simpul.services.node import Node
from simpul.services.querying import names_of
from simpul.services.times import rfc3339

MESSAGES: Final = "two-messages"
CHECKPOINTS: Final = "two-checkpoints"
"""Kinds of evidence: two messages under one number; two roots of one log at one size."""


def holds(unit: Unit, node: Node, incoming: Incoming | None) -> bool:
    """Whether a stored message still verifies as its sender's word to this node, payload included."""
    if incoming is None:
        return False
    card = card_of(unit, incoming.sender, incoming.card_version)
    if card is None:
        return False
    try:
        key = card.pair_of(node.realm, decode(incoming.seal, Seal).key)
        message = verify_again(incoming.message, incoming.seal, incoming.signatures, key)
    except PartnerFault:
        return False  # the answer, not an accident: the caller shows which receipt does not hold
    return (
        message.sender == incoming.sender
        and message.recipient == node.party
        and message.payload.sha256 == hashlib.sha256(incoming.payload).digest()
    )


# Contradictions.


def keep_messages(unit: Unit, node: Node, opened: Opened, known: bytes) -> str:
    """Keep two messages under one number; returns what to tell the operator.

    What the second one carried is not kept: it was not admitted, and its hash is in the signed message.
    """
    party, second = opened.message.sender, opened.unsealed
    first = unit.mail.incoming(known)
    pieces = _message("second", second.message, second.seal_bytes, second.signatures)
    if first is not None:
        pieces = (*_message("first", first.message, first.seal, first.signatures), *pieces)
    subject = hashlib.sha256(b"".join(sorted((known, opened.name)))).digest()
    content = {"known": known.hex(), "other": opened.name.hex()}
    _keep(
        unit, node, Evidence(id=subject, party=party, kind=MESSAGES, at=node.clock(), pieces=pieces), content
    )
    return f"{party[:10]} signed two messages under one number; both are kept: see `simpul log evidence`"


def keep_checkpoints(unit: Unit, node: Node, party: str, notes: tuple[bytes, bytes]) -> str:
    """Keep two checkpoints of one size with two roots; returns what to tell the operator."""
    first, second = (parse_checkpoint(note).checkpoint for note in notes)
    subject = hashlib.sha256(first.origin.encode() + b"".join(sorted((first.root, second.root)))).digest()
    pieces = tuple(zip(("first.note", "second.note"), notes, strict=True))
    content = {
        "origin": first.origin,
        "size": first.size,
        "known": first.root.hex(),
        "other": second.root.hex(),
    }
    _keep(
        unit,
        node,
        Evidence(id=subject, party=party, kind=CHECKPOINTS, at=node.clock(), pieces=pieces),
        content,
    )
    return (
        f"{party[:10]} signed two histories of {first.size} leaves; both are kept: see `simpul log evidence`"
    )


def _message(name: str, message: bytes, seal: bytes, signatures: Signatures) -> tuple[tuple[str, bytes], ...]:
    classical, quantum = signatures
    return (
        (f"{name}.message", message),
        (f"{name}.seal", seal),
        (f"{name}.ed25519", classical),
        (f"{name}.ml-dsa-65", quantum),
    )


def _keep(unit: Unit, node: Node, evidence: Evidence, content: dict[str, Any]) -> None:
    """Keep it and log it, once however often it comes again."""
    if unit.mail.add_evidence(evidence):
        record(unit, node, "evidence", {"from": evidence.party, "kind": evidence.kind, **content})


def counted(unit: Unit) -> list[dict[str, Any]]:
    """How many contradictions of which kind are kept of each party."""
    found = Counter((each.party, each.kind) for each in unit.mail.evidence())
    return [{"from": party, "kind": kind, "count": count} for (party, kind), count in sorted(found.items())]


class Kept(Struct, frozen=True, kw_only=True):
    """One contradiction for people. `files` are the names of what proves it; `folder` is where they were written, or empty."""

    id: bytes
    party: str
    party_name: str
    kind: str
    at: int
    files: tuple[str, ...]
    folder: str


def list_evidence(node: Node, out: Path | None) -> list[Kept]:
    """What partners contradicted themselves by, oldest first.

    Args:
        out: a new or empty folder. Each contradiction is written below it as the bytes that were signed, with the
            party's cards and a log's verifier keys: a third party needs nothing of this home to check it.

    Raises:
        InputFault: the folder is not empty, or cannot be written.
    """
    with node.store.read() as unit:
        names = names_of(unit)
        found = unit.mail.evidence()
        files = [{**dict(each.pieces), **_keys(unit, node, each)} for each in found]
    folders = [f"{n:03d}-{each.kind}" for n, each in enumerate(found, 1)]
    if out is not None:
        _write(out, folders, found, files)
    return [
        Kept(
            id=each.id,
            party=each.party,
            party_name=names.get(each.party, each.party),
            kind=each.kind,
            at=each.at,
            files=tuple(named),
            folder=str(out / folder) if out else "",
        )
        for each, named, folder in zip(found, files, folders, strict=True)
    ]


def _keys(unit: Unit, node: Node, evidence: Evidence) -> dict[str, bytes]:
    """The party's cards, and the verifier keys of its log where that is what it contradicted itself in."""
    newest = card_of(unit, evidence.party)
    if newest is None:
        return {}
    cards = {
        version: unit.directory.card(evidence.party, version) for version in range(1, newest.version + 1)
    }
    found = {f"card-{version}": document for version, document in cards.items() if document is not None}
    if evidence.kind == CHECKPOINTS:
        checkpoint: Checkpoint = parse_checkpoint(evidence.pieces[0][1]).checkpoint
        lines = verifier_keys(checkpoint.origin, newest.realm(node.realm).log_key)
        found["vkeys"] = "".join(f"{line}\n" for line in lines).encode()
    return found


def _write(out: Path, folders: list[str], found: list[Evidence], files: list[dict[str, bytes]]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise InputFault("the folder is not empty", input="--out", where=str(out), do="name a new folder")
        for folder, evidence, named in zip(folders, found, files, strict=True):
            (out / folder).mkdir()
            for name, data in named.items():
                (out / folder / name).write_bytes(data)
            about = {"party": evidence.party, "kind": evidence.kind, "noticed": rfc3339(evidence.at)}
            (out / folder / "about.json").write_bytes(msgspec.json.encode(about))
    except OSError as fault:
        raise InputFault(f"the folder cannot be written: {fault.strerror}", input=str(out)) from fault
