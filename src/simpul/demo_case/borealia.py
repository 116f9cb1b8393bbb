"""What Borealia saw by itself: a gateway, a mail filter, a port desk and a passport desk. It knows nothing of the case.

Each thing seen meets an indicator of Arunika's by another rule of matching; `EXPECTED` says which.
"""

from __future__ import annotations

from typing import Any, Final

from simpul.demo_case.case import Case
from simpul.demo_case.ids import named

EXPECTED: Final = (
    ("ipv4 in a network", "198.51.100.77"),
    ("equal address", "192.0.2.35"),
    ("domain under a watched zone", "mail7.kalvik.freightdocs.example.org"),
    ("equal hash", "shipping-advice-40721.pdf.exe"),
    ("equal IMO number", "IMO 2718285"),
    ("equal passport number", "XA4471935"),
    ("equal mail address", "R.Olvanov@post.example"),
    ("equal telephone number", "+44 7700 900117"),
)
"""Rule, and the value as Borealia wrote it down."""


def sightings(file_hash: str) -> Case:
    """The bundle's objects. `file_hash` is the SHA-256 of a lure that Borealia's gateway stopped."""
    author = named("identity", "Borealia Watch Centre")
    case = Case(author)
    case.entity(
        "shared",
        "identity",
        "Borealia Watch Centre",
        name="Borealia Watch Centre",
        identity_class="organization",
        sectors=["government"],
    )
    gateway = [
        case.observable("shared", "ipv4-addr", value="198.51.100.77"),
        case.observable("shared", "ipv4-addr", value="192.0.2.35"),
        case.observable("shared", "domain-name", value="mail7.kalvik.freightdocs.example.org"),
        case.observable("shared", "file", hashes={"SHA-256": file_hash}, name="advice.exe", size=48_000),
        case.observable("shared", "ipv4-addr", value="203.0.113.9"),
    ]
    desk = [
        _paper(case, "imo", "IMO 2718285", "XA"),
        _paper(case, "passport", "XA4471935", "XA"),
        _paper(case, "phone", "+44 7700 900117", "GB"),
        case.observable("shared", "email-addr", value="R.Olvanov@post.example"),
    ]
    seen = _observed(case, "gateway", "2026-11-20T03:12:00.000Z", 41, gateway)
    _observed(case, "hotel and berth register", "2026-11-21T10:30:00.000Z", 4, desk)
    own = case.entity(
        "shared",
        "indicator",
        "own rule",
        name="Executable named as a document",
        indicator_types=["anomalous-activity"],
        pattern="[file:name LIKE '%.pdf.exe']",
        pattern_type="stix",
        valid_from="2026-01-01T00:00:00.000Z",
    )
    case.entity(
        "shared",
        "sighting",
        "own rule",
        sighting_of_ref=own,
        observed_data_refs=[seen],
        where_sighted_refs=[author],
        count=41,
    )
    return case


def _paper(case: Case, kind: str, value: str, country: str) -> str:
    return case.observable("shared", "x-simpul-identifier", kind=kind, value=value, country=country)


def _observed(case: Case, seed: str, at: str, number: int, refs: list[str]) -> str:
    times: dict[str, Any] = {"first_observed": at, "last_observed": at, "number_observed": number}
    return case.entity("shared", "observed-data", f"borealia {seed}", object_refs=refs, **times)
