"""Who takes part: parties and the users of one's own node.

A party is named on the wire by the fingerprint of its card's root keys: lower-case hex, `FINGERPRINT_HEX` digits.
What people type is resolved to it once, by `resolve`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from simpul.errors import Ambiguous, NotFound

FINGERPRINT_HEX: Final = 50
"""Digits of a fingerprint: 200 bits of SHA-256 over both root keys (PROTOCOL §5 asks for at least 160)."""


class Party(Struct, frozen=True, kw_only=True):
    """One party as this node knows it. `country` is an ISO 3166-1 alpha-2 code or a user-assigned one (XA…XZ)."""

    fingerprint: str
    name: str
    country: str
    card_version: int
    trusted: bool


def is_fingerprint(text: str) -> bool:
    """Whether a text has the form of a party's fingerprint."""
    return len(text) == FINGERPRINT_HEX and not set(text) - set("0123456789abcdef")


def resolve(text: str, parties: Iterable[Party]) -> Party:
    """The one party that a person means by a fingerprint, a name or a unique prefix of either.

    An exact fingerprint or name wins over a prefix. Names compare without case.

    Raises:
        NotFound: none fits.
        Ambiguous: several fit; candidates are named.
    """
    known = list(parties)
    wanted = text.casefold().replace(" ", "")
    exact = [p for p in known if wanted in (p.fingerprint, p.name.casefold().replace(" ", ""))]
    near = [p for p in known if _starts(p, wanted)]
    found = exact or (near if wanted else [])
    if not found:
        raise NotFound(f"no known party is called '{text}'", input=text, do="see `simpul card list`")
    if len(found) > 1:
        raise Ambiguous(
            f"'{text}' fits {len(found)} parties",
            candidates=[f"{p.fingerprint} {p.name}" for p in found],
            input=text,
            do="write more of the fingerprint",
        )
    return found[0]


def _starts(party: Party, wanted: str) -> bool:
    name = party.name.casefold().replace(" ", "")
    return party.fingerprint.startswith(wanted) or name.startswith(wanted)


class User(Struct, frozen=True, kw_only=True):
    """A person of this node. The signing key is sealed under the person's own passphrase (protocol.keys)."""

    name: str
    role: str
    public: bytes
    sealed: bytes
    created: int
