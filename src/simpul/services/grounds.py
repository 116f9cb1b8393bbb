"""On what an entry of a part is decided: whose words it is, what its author gave it, and whether the author consented.

What a sender originated itself is decided by its own label alone. What it passed on came with its author's proof, and
perhaps with the author's grant; what these say is read here, and is believed only where a card vouches for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from simpul.domain.grants import FLAWS, USED, Grant, flaw, narrowing
from simpul.domain.labels import NEUTRAL, Label
from simpul.domain.policy import Outcome, Reason
from simpul.ports import Unit
from simpul.protocol.labels import from_wire
from simpul.protocol.message import Message
from simpul.protocol.proofs import Passed
from simpul.protocol.release import Entry, Part
from simpul.services.authorship import UNVERIFIED


class Ground(Struct, frozen=True, kw_only=True, cache_hash=True):
    """On what an entry is decided, besides its message: thousands of entries share one.

    Attributes:
        label: hash of the label's view.
        originator: whose words it is.
        author: the label under which the originator itself gave it, if it is passed on.
        consented: whether a grant of the originator covers it.
        narrowed: what that grant adds to the label under which it is held.
        reasons: why it is kept apart whatever the label says.
    """

    label: bytes
    originator: str
    author: Label | None = None
    consented: bool = False
    narrowed: Label = NEUTRAL
    reasons: tuple[Reason, ...] = ()

    @property
    def vouched(self) -> bool:
        """Whether it surely is its originator's."""
        return all(reason.clause != UNVERIFIED for reason in self.reasons)


class Grounds:
    """The grounds of one proven part.

    Args:
        spent: hashes of the grants for one release alone that served another release already.
    """

    def __init__(self, part: Part, message: Message, spent: frozenset[bytes]) -> None:
        self._originator = part.manifest.originator
        self._purpose = part.manifest.purpose
        self._message = message
        self._spent = spent
        self._own: dict[bytes, Ground] = {}
        self._authors: dict[tuple[bytes, bytes], Label] = {}

    def of(self, entry: Entry) -> Ground:
        """On what one entry is decided."""
        if entry.passed is not None:
            return self._passed(entry.label, entry.passed)
        if entry.label not in self._own:
            self._own[entry.label] = Ground(label=entry.label, originator=self._originator)
        return self._own[entry.label]

    def _passed(self, label: bytes, passed: Passed) -> Ground:
        why = self._flaw(passed)
        clauses = [*([] if passed.verified else [UNVERIFIED]), *([why] if why else [])]
        return Ground(
            label=label,
            originator=passed.originator,
            author=self._author(passed),
            consented=passed.verified and passed.grant is not None and why is None,
            narrowed=narrowing(passed.grant) if passed.grant else NEUTRAL,
            reasons=tuple(_reason(clause, passed.originator) for clause in clauses),
        )

    def _author(self, passed: Passed) -> Label:
        key = (passed.proof.manifest, passed.proof.label)
        if key not in self._authors:
            at = passed.manifest.label_hashes.index(passed.proof.label)
            self._authors[key] = from_wire(passed.manifest.labels[at])
        return self._authors[key]

    def _flaw(self, passed: Passed) -> str | None:
        """The clause by which the grant that came along does not cover this very leaf; None if it does, or none came."""
        if passed.grant is None or passed.grant_document is None:
            return None
        why = flaw(
            passed.grant,
            originator=passed.originator,
            grantee=self._message.sender,
            beneficiary=self._message.recipient,
            purpose=self._purpose,
            # A grant that ends is for what goes before: the sender's word that it had decided earlier is not enough.
            at=max(self._message.decided_at, self._message.created),
            leaf=(passed.manifest.root, passed.proof.position),
        )
        return why or (USED if passed.grant_document.hash in self._spent else None)


def _reason(clause: str, originator: str) -> Reason:
    if clause == UNVERIFIED:
        return Reason(
            clause=clause,
            outcome=Outcome.DENY,
            why=f"authorship not verified: no card here vouches that these are the words of {originator[:10]}",
            change="add the originator's card once its fingerprint is compared, then admit it",
        )
    return Reason(
        clause=clause, outcome=Outcome.DENY, why=FLAWS[clause], change="a reviewer admits or refuses it"
    )


# Grants for one release alone.


def spent(unit: Unit, part: Part) -> frozenset[bytes]:
    """The hashes of the single grants of a part that came here with another release already."""
    root = part.manifest.root
    return frozenset(hash for hash in singles(part) if unit.directory.get(_name(hash)) not in (None, root))


def spend(unit: Unit, part: Part) -> None:
    """Note for which release the single grants of a part came first."""
    for hash in singles(part):
        if unit.directory.get(_name(hash)) is None:
            unit.directory.put(_name(hash), part.manifest.root)


def singles(part: Part) -> set[bytes]:
    """The hashes of the grants for one release alone that came with a part, and that a card vouches for."""
    return {hash for hash, grant in _grants(part) if not grant.repeated}


def _grants(part: Part) -> Iterator[tuple[bytes, Grant]]:
    for entry in part.entries:
        passed = entry.passed
        if passed and passed.verified and passed.grant and passed.grant_document:
            yield passed.grant_document.hash, passed.grant


def _name(grant: bytes) -> str:
    return f"grant-used:{grant.hex()}"
