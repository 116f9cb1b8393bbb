"""What a node answers as JSON: the same shapes on the command line and over HTTP, each made in one place.

Hashes are lower-case hex, times RFC 3339 UTC, parties fingerprints, counts objects. Nothing here asks the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpul.domain.laboratory import Result
from simpul.domain.mail import QuarantinedItem
from simpul.domain.objects import Loss
from simpul.domain.products import Product
from simpul.domain.recalls import LegalHold
from simpul.domain.releases import Release
from simpul.formats.term_changes import Change
from simpul.services.agreeing import Standing
from simpul.services.consenting import ShownConsent
from simpul.services.overlaying import Adopted
from simpul.services.previewing import PreviewedObject, PreviewedPortion, RecipientPreview
from simpul.services.reaching import Reach
from simpul.services.reading import Shown, VerifiedReceipt
from simpul.services.recalling import Issued
from simpul.services.recounting import Event
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
        "handle_as": [one.document() for one in each.handle_as],
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
        "policy": each.policy.hex(),
        "objects": [_previewed(o) for o in each.objects],
        "portions": [_portion(p) for p in each.portions],
        "counts": each.counts,
        "reasons": [
            {"outcome": r.outcome, "clause": r.clause, "count": r.count, "why": r.why, "change": r.change}
            for r in each.reasons
        ],
        "reach": [_reach(r) for r in each.reach],
    }


def _reach(each: Reach) -> dict[str, Any]:
    """To whom the recipient could pass objects on under the rules as they stand."""
    return {
        "onward": each.onward,
        "objects": each.objects,
        "anyone": each.anyone,
        "freely": list(each.freely),
        "asking": list(each.asking),
    }


def _previewed(each: PreviewedObject) -> dict[str, Any]:
    return {
        "id": each.id,
        "modified": each.modified,
        "outcome": each.outcome.word,
        "clause": each.clause,
        "sha256": each.sha256.hex() if each.sha256 else None,
        "cut": list(each.cut),
    }


def _portion(each: PreviewedPortion) -> dict[str, Any]:
    return {
        "portion": each.number,
        "outcome": each.outcome.word,
        "clause": each.clause,
        "sha256": each.sha256.hex() if each.sha256 else None,
        "why": each.why,
        "change": each.change,
    }


def standing(each: Standing) -> dict[str, Any]:
    """Where one version of an agreement stands."""
    return {
        "agreement": each.agreement,
        "version": each.version,
        "hash": each.hash.hex(),
        "state": each.state,
    }


def agreement_event(each: Event) -> dict[str, Any]:
    """One step of an agreement's history."""
    return {
        "at": rfc3339(each.at),
        "step": each.step,
        "by": each.by,
        "version": each.version,
        "hash": each.hash.hex(),
        "state_after": each.state_after,
    }


def clause_change(each: Change) -> dict[str, Any]:
    """What of one clause differs between two versions of an agreement."""
    return {"clause": each.clause, "before": each.before, "after": each.after}


def consent(each: ShownConsent) -> dict[str, Any]:
    """One consent in a list."""
    return {
        "request": each.request,
        "direction": each.direction,
        "state": each.state,
        "from": each.asker,
        "originator": each.originator,
        "beneficiary": each.beneficiary,
        "leaves": each.leaves,
        "purpose": each.purpose,
        "at": rfc3339(each.at),
    }


def whole_consent(each: ShownConsent) -> dict[str, Any]:
    """One consent: what was asked, what is proposed as the answer, and what was granted."""
    return consent(each) | {"asked": each.asked, "proposed": each.proposed, "granted": each.granted}


def issued(recalls: Sequence[Issued]) -> dict[str, Any]:
    """A recall as it was issued, in as many documents as it took."""
    return {
        "recall": recalls[0].hash.hex(),
        "objects": sum(each.objects for each in recalls),
        "to": sorted({party for each in recalls for party in each.to}),
        "recalls": [each.hash.hex() for each in recalls],
    }


def hold(each: LegalHold) -> dict[str, Any]:
    """One legal hold."""
    return {
        "hold": each.id.hex(),
        "ground": each.ground,
        "product": each.product or None,
        "objects": list(each.objects),
        "until": rfc3339(each.until),
        "by": each.by,
    }


def overlay(each: Adopted) -> dict[str, Any]:
    """One version of this nation's own rules."""
    return {
        "version": each.version,
        "state": each.state,
        "hash": each.hash.hex(),
        "title": each.title,
        "rules": each.rules,
        "by": list(each.by),
        "at": rfc3339(each.at),
    }


def laboratory(results: Sequence[Result]) -> dict[str, Any]:
    """What the cases of a laboratory came to."""
    failed = sum(not each.ok for each in results)
    return {
        "cases": [
            {
                "name": each.name,
                "outcome": each.outcome,
                "clause": each.clause,
                "obligations": list(each.obligations),
                "ok": each.ok,
            }
            for each in results
        ],
        "passed": len(results) - failed,
        "failed": failed,
    }


def losses(found: Sequence[Loss]) -> list[dict[str, str]]:
    """What a conversion could not keep."""
    return [{"path": each.path, "lost": each.lost} for each in found]


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
