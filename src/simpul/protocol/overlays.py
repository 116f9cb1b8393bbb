"""National overlays as canonical bytes and as signed documents (spec/documents.md, "Overlay").

An overlay is signed by its own party alone and never sent: the signature and the hash say under which rules a decision
was made. The bytes are those of `domain.overlays.overlay_values`: what is not stated is left out, sets are sorted.
"""

from __future__ import annotations

import hashlib
from typing import Final

from simpul.domain.clauses import DEFAULT_APPROVALS, Outcome
from simpul.domain.labels import Classification
from simpul.domain.overlays import THEN, Overlay, OverlayRule, When, faults, overlay_values
from simpul.errors import Malformed
from simpul.protocol.canonical import Wire, decode, encode
from simpul.protocol.labels import tlp_named

KIND: Final = "overlay"
OVERLAY_LIMIT: Final = 512 * 1024


class WireWhen(Wire, frozen=True, kw_only=True):
    """`domain.overlays.When` as it is signed: levels are [scheme, level] pairs."""

    recipients: tuple[str, ...] = ()
    except_recipients: tuple[str, ...] = ()
    originators: tuple[str, ...] = ()
    except_originators: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    except_purposes: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    compartments: tuple[str, ...] = ()
    handling: tuple[str, ...] = ()
    levels: tuple[tuple[str, str], ...] = ()
    tlp_from: str | None = None
    since: int | None = None
    until: int | None = None


class WireRule(Wire, frozen=True, kw_only=True):
    """`domain.overlays.OverlayRule` as it is signed; `when` is null where nothing is stated."""

    id: str
    then: str
    when: WireWhen | None = None
    approvals: int = DEFAULT_APPROVALS
    note: str = ""


class WireOverlay(Wire, frozen=True, kw_only=True):
    """`domain.overlays.Overlay` as it is signed. The rules keep their order: decisions walk them in it."""

    party: str
    version: int
    title: str
    rules: tuple[WireRule, ...]


def encode_overlay(overlay: Overlay) -> bytes:
    """The payload that the party signs.

    Raises:
        Malformed: it says more than an overlay can.
    """
    data = encode(overlay_values(overlay))
    if len(data) > OVERLAY_LIMIT:
        raise Malformed(
            f"an overlay of {len(data)} bytes is over the limit of {OVERLAY_LIMIT}", input="overlay"
        )
    return data


def decode_overlay(data: bytes) -> Overlay:
    """The overlay of a payload.

    Raises:
        Malformed, NotUnderstood: not one overlay in its one form, or rules that nobody can adopt.
    """
    wire = decode(data, WireOverlay, OVERLAY_LIMIT)
    overlay = Overlay(
        party=wire.party, version=wire.version, title=wire.title, rules=tuple(map(_rule, wire.rules))
    )
    found = faults(overlay)
    if found:
        raise Malformed(f"an overlay that cannot be adopted: {found[0]}", input="overlay")
    if encode(overlay_values(overlay)) != data:
        raise Malformed("its sets are not sorted and without repetition", input="overlay")
    return overlay


def overlay_hash(overlay: Overlay) -> bytes:
    """SHA-256 of the payload: equal to the hash of the signed document."""
    return hashlib.sha256(encode_overlay(overlay)).digest()


def _rule(wire: WireRule) -> OverlayRule:
    return OverlayRule(
        id=wire.id,
        then=_then(wire.then),
        when=When() if wire.when is None else _when(wire.when),
        approvals=wire.approvals,
        note=wire.note,
    )


def _then(word: str) -> Outcome:
    found = THEN.get(word)
    if found is None:
        raise Malformed(f"'{word}' is nothing that an overlay can say", input="overlay", where="then")
    return found


def _when(wire: WireWhen) -> When:
    return When(
        recipients=frozenset(wire.recipients),
        except_recipients=frozenset(wire.except_recipients),
        originators=frozenset(wire.originators),
        except_originators=frozenset(wire.except_originators),
        purposes=frozenset(wire.purposes),
        except_purposes=frozenset(wire.except_purposes),
        topics=frozenset(wire.topics),
        compartments=frozenset(wire.compartments),
        handling=frozenset(wire.handling),
        levels=frozenset(Classification(*level) for level in wire.levels),
        tlp_from=None if wire.tlp_from is None else tlp_named(wire.tlp_from),
        since=wire.since,
        until=wire.until,
    )
