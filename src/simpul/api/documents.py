"""What a node answers as JSON: the same shapes on the command line and over HTTP, each made in one place.

Hashes are lower-case hex, times RFC 3339 UTC, parties fingerprints, counts objects. Nothing here asks the store.
"""

from __future__ import annotations

from typing import Any

from simpul.domain.mail import QuarantinedItem
from simpul.domain.products import Product
from simpul.domain.releases import Release
from simpul.services.agreeing import Standing
from simpul.services.previewing import PreviewedObject, PreviewedPortion, RecipientPreview
from simpul.services.reading import Shown, VerifiedReceipt
from simpul.services.times import rfc3339


def shown(each: Shown) -> dict[str, Any]:
    """One stored rendition."""
    return {
        "id": each.id,
        "type": each.type,
        "modified": each.modified,
        "from": each.originator,
        "source": each.source,
        "sha256": each.sha256.hex(),
        "arrived": rfc3339(each.arrived),
        "revoked": each.revoked,
        "label": list(each.label),
        "title": each.title,
        "converted": each.converted,
    }


def product(each: Product) -> dict[str, Any]:
    """One product in a list."""
    return {
        "product": each.id,
        "version": each.version,
        "title": each.title,
        "precedence": each.precedence.value,
        "objects": each.objects,
        "drafter": each.drafter,
        "known": rfc3339(each.times.known),
    }


def release(each: Release) -> dict[str, Any]:
    """One release, as its approval or its going says it."""
    return {
        "party": each.recipient,
        "manifest": each.root.hex(),
        "objects": each.objects,
        "redacted": each.redacted,
        "withheld": [{"clause": w.clause, "count": w.count} for w in each.withheld],
        "state": each.state,
        "approved": None if each.approved_at is None else rfc3339(each.approved_at),
    }


def preview(each: RecipientPreview) -> dict[str, Any]:
    """What one recipient would get."""
    return {
        "party": each.party,
        "objects": [_previewed(o) for o in each.objects],
        "portions": [_portion(p) for p in each.portions],
        "counts": each.counts,
    }


def _previewed(each: PreviewedObject) -> dict[str, Any]:
    return {
        "id": each.id,
        "modified": each.modified,
        "outcome": each.outcome.word,
        "clause": each.clause,
        "sha256": each.sha256.hex() if each.sha256 else None,
    }


def _portion(each: PreviewedPortion) -> dict[str, Any]:
    return {
        "portion": each.number,
        "outcome": each.outcome.word,
        "clause": each.clause,
        "sha256": each.sha256.hex() if each.sha256 else None,
    }


def standing(each: Standing) -> dict[str, Any]:
    """Where one version of an agreement stands."""
    return {
        "agreement": each.agreement,
        "version": each.version,
        "hash": each.hash.hex(),
        "state": each.state,
    }


def quarantined(each: QuarantinedItem) -> dict[str, Any]:
    """One group that a reviewer decides on."""
    return {
        "id": each.id.hex(),
        "from": each.sender,
        "kind": each.kind,
        "objects": each.objects,
        "portions": each.portions,
        "sheet": each.sheet,
        "reasons": [{"clause": clause, "why": why} for clause, why in each.reasons],
        "arrived": rfc3339(each.arrived),
        "state": each.state,
        "decided_by": each.decided_by,
    }


def receipts(rows: list[VerifiedReceipt]) -> dict[str, Any]:
    """Every receipt that came in, and how many of them verify today."""
    return {
        "total": len(rows),
        "verified": sum(row.verified for row in rows),
        "receipts": [
            {
                "from": row.sender,
                "message": row.message.hex(),
                "outcome": row.outcome,
                "counts": row.counts,
                "at": rfc3339(row.at),
                "verified": row.verified,
            }
            for row in rows
        ],
    }
