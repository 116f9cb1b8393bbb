"""Every error that Simpul raises on purpose, drawn as one tree.

    SimpulError
    ├── InputFault            what a person or a file gave us is wrong
    │   ├── SyntaxFault           bytes that do not parse; nothing was stored
    │   ├── TooLarge              over a stated limit
    │   ├── NotFound              no such thing here, or none that the asker may know of
    │   └── Ambiguous             several fit; `candidates` lists them
    ├── Refusal               a rule says no; says which clause and what would have to change
    │   ├── PolicyRefusal         labels, agreement or overlay
    │   ├── ApprovalRefusal       the approvals are missing, void or by the drafter
    │   └── Unauthorised          wrong passphrase, unknown user, missing role
    ├── PartnerFault          a partner, a relay or somebody in between sent what must not be accepted
    │   ├── Malformed             outside the format: magic, lengths, limits, schema
    │   ├── WrongSuite            suite is not that of the prekey, card or agreement
    │   ├── Unopenable            no secret for this tag, or decryption fails
    │   ├── BadSignature          one of the two signatures, or its key, does not hold
    │   ├── Misdirected           other recipient, realm, kind or header than the statement names
    │   ├── Stale                 expired, not yet valid, or an older card or package than known
    │   ├── Unproven              a leaf, path or payload hash that does not lead to what was signed
    │   └── NotUnderstood         unknown kind or critical field
    ├── RelayFault            the relay could not be reached, or refused
    └── HomeFault             this installation cannot go on
        ├── HomeBusy              another process holds the home or the database
        ├── HomeLocked            the key-encryption key is missing or wrong
        ├── HomeIncompatible      the database is newer than this program, or of another realm
        ├── HomeDamaged           a page, leaf or key does not verify
        ├── StorageFull           no room on the disk
        └── CryptoUnavailable     the library build lacks an algorithm

Only `InputFault` and `Refusal` are the caller's to mend; `PartnerFault` is evidence about somebody else.
Every error can be shown: which input, where in it, and what to do. None carries content that the reader of
the message is not entitled to.
"""

from __future__ import annotations

from collections.abc import Sequence


class SimpulError(Exception):
    """Base of the tree.

    Args:
        message: one sentence for a person, without a trailing stop being required.
        input: which input it was about (a file name, an id, an option), if any.
        where: the place inside that input (a path, an index, an offset), if any.
        do: what the reader can do next, if there is something.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        input: str | None = None,
        where: str | None = None,
        do: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.input = input
        self.where = where
        self.do = do

    def document(self) -> dict[str, dict[str, str | None]]:
        """The error as the one JSON document that an edge prints (design §8)."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "input": self.input,
                "where": self.where,
                "do": self.do,
            }
        }


class InputFault(SimpulError):
    """What a person or a file gave us is wrong."""

    code = "bad-input"


class SyntaxFault(InputFault):
    """Bytes that do not parse. Nothing of that input was stored."""

    code = "syntax"


class TooLarge(InputFault):
    """Over a stated limit."""

    code = "too-large"


class NotFound(InputFault):
    """No such thing here, or none that the asker may know of; the two look alike on purpose."""

    code = "not-found"


class Ambiguous(InputFault):
    """Several things fit. `candidates` names them so that the caller can choose one."""

    code = "ambiguous"

    def __init__(
        self,
        message: str,
        *,
        candidates: Sequence[str] = (),
        input: str | None = None,
        where: str | None = None,
        do: str | None = None,
    ) -> None:
        super().__init__(message, input=input, where=where, do=do)
        self.candidates = tuple(candidates)


class Refusal(SimpulError):
    """A rule says no."""

    code = "refused"


class PolicyRefusal(Refusal):
    """A label, an agreement or an overlay refuses; `where` names the clause."""

    code = "policy-refused"


class ApprovalRefusal(Refusal):
    """Approvals are missing, void, or by the drafter."""

    code = "approval-refused"


class Unauthorised(Refusal):
    """Wrong passphrase, unknown user or missing role; which of them is not said."""

    code = "unauthorised"


class PartnerFault(SimpulError):
    """A partner, a relay or somebody in between sent what must not be accepted."""

    code = "partner-fault"


class Malformed(PartnerFault):
    """Outside the format: magic, lengths, limits or schema."""

    code = "malformed"


class WrongSuite(PartnerFault):
    """The suite is not that of the selected prekey, the agreement, or the card."""

    code = "wrong-suite"


class Unopenable(PartnerFault):
    """No secret for this tag, or the decryption fails."""

    code = "unopenable"


class BadSignature(PartnerFault):
    """One of the two signatures, or the key that made it, does not hold."""

    code = "bad-signature"


class Misdirected(PartnerFault):
    """Meant for another recipient, realm, kind or header than the one at hand."""

    code = "misdirected"


class Stale(PartnerFault):
    """Expired, not yet valid, or older than what is known already."""

    code = "stale"


class Unproven(PartnerFault):
    """A leaf, path or hash that does not lead to what was signed."""

    code = "unproven"


class NotUnderstood(PartnerFault):
    """A kind or critical field that this version does not know."""

    code = "not-understood"


class RelayFault(SimpulError):
    """The relay could not be reached, or refused; the message stays in the outbox."""

    code = "relay-fault"


class HomeFault(SimpulError):
    """This installation cannot go on."""

    code = "home-fault"


class HomeBusy(HomeFault):
    """Another process holds the home's lock or its database."""

    code = "home-busy"


class HomeLocked(HomeFault):
    """The key-encryption key is missing or wrong."""

    code = "home-locked"


class HomeIncompatible(HomeFault):
    """The database was written by a newer program, or belongs to another realm."""

    code = "home-incompatible"


class HomeDamaged(HomeFault):
    """A page, a leaf or a key does not verify."""

    code = "home-damaged"


class StorageFull(HomeFault):
    """No room on the disk; the transaction was rolled back as a whole."""

    code = "storage-full"


class CryptoUnavailable(HomeFault):
    """The cryptographic library lacks an algorithm, or computes it wrongly."""

    code = "crypto-unavailable"
