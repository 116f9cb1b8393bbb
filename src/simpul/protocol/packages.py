"""Key packages: what one party gives another to write to it (spec/keys.md, "Key packages").

A package names, for each of the next epochs, the prekey to seal for and one mailbox a lane. It travels as the payload
of a `keys` message, whose signatures cover it; versions only rise. An epoch is a week, the same for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from simpul.errors import Malformed, Misdirected, Stale
from simpul.protocol.canonical import Bytes16, Bytes32, Hex, Wire
from simpul.protocol.mailboxes import LANES, mailbox_tag, public_key
from simpul.protocol.versions import SUITE

EPOCH_SECONDS: Final = 604_800
EPOCHS: Final = 8
"""Epochs in one package: what fits into the contact mailbox beside message and signatures."""

_EPOCH_US: Final = EPOCH_SECONDS * 1_000_000


def epoch_of(at: int) -> int:
    """The epoch of a time in microseconds UTC: floor(unix seconds / 604,800)."""
    return at // _EPOCH_US


def epoch_start(epoch: int) -> int:
    """The first microsecond of an epoch."""
    return epoch * _EPOCH_US


class Lane(Wire, frozen=True, kw_only=True):
    """One mailbox: its tag and the seed of the put key."""

    tag: Bytes16
    put: Bytes32


class Epoch(Wire, frozen=True, kw_only=True):
    """One epoch's prekey (public), its validity (microseconds UTC, `not_after` exclusive) and mailbox a lane."""

    epoch: int
    prekey: Hex
    not_before: int
    not_after: int
    lanes: dict[str, Lane]


class KeyPackage(Wire, frozen=True, kw_only=True):
    """The package of one party (`party`) for another (`to`), both by fingerprint.

    `relay` is the URL of the relay that holds the mailboxes, `read` the public key of the reader's account there.
    """

    party: str
    to: str
    version: int
    issued: int
    relay: str
    read: Bytes32
    epochs: tuple[Epoch, ...]
    suite: int = SUITE.number

    def at(self, at: int) -> Epoch:
        """The epoch to seal for at a time.

        Raises:
            Stale: the package has no prekey that is valid then; content waits.
        """
        for epoch in self.epochs:
            if epoch.epoch == epoch_of(at) and epoch.not_before <= at < epoch.not_after:
                return epoch
        raise Stale(
            f"key package {self.version} of {self.party[:10]} has no prekey for this week",
            input="key package",
            where="epochs",
            do="wait for the partner's next package; it is asked for",
        )


class EpochSecrets(Struct, frozen=True, kw_only=True):
    """What the issuer holds of one epoch: the prekey's public half and a put seed for each lane."""

    prekey: bytes
    puts: Mapping[str, bytes]


def issue(
    *,
    party: str,
    to: str,
    version: int,
    now: int,
    relay: str,
    read: bytes,
    secrets: Mapping[int, EpochSecrets],
) -> KeyPackage:
    """A package over the given epochs. The lanes' tags follow from relay, `read` and put keys."""
    return KeyPackage(
        party=party,
        to=to,
        version=version,
        issued=now,
        relay=relay,
        read=read,
        epochs=tuple(_epoch(number, secrets[number], relay, read) for number in sorted(secrets)),
    )


def _epoch(number: int, secrets: EpochSecrets, relay: str, read: bytes) -> Epoch:
    lanes = {
        lane: Lane(tag=mailbox_tag(relay, read, public_key(put)), put=put)
        for lane, put in sorted(secrets.puts.items())
    }
    return Epoch(
        epoch=number,
        prekey=secrets.prekey,
        not_before=epoch_start(number),
        not_after=epoch_start(number + 1),
        lanes=lanes,
    )


def accept(package: KeyPackage, *, party: str, to: str, known: KeyPackage | None) -> KeyPackage:
    """Take a package that came in a verified `keys` message.

    `party` signed the message, `to` is this node, `known` the newest package of that party, if any.

    Raises:
        Misdirected: another party's package, or for somebody else.
        Stale: a lower version than known, or another package of the same version.
        Malformed: prekeys, lanes or tags are not as they must be.
    """
    # (1) by its sender, for us
    if (package.party, package.to) != (party, to):
        raise Misdirected("a key package between other parties", input="key package")
    # (2) versions only rise
    if known is not None and (
        package.version < known.version or (package.version == known.version and package != known)
    ):
        raise Stale(
            f"key package {package.version}; {known.version} is known", input="key package", where="version"
        )
    # (3) each epoch once, each with a prekey of the suite and all lanes, each tag as its keys say
    if package.version < 1 or not 1 <= len(package.epochs) <= EPOCHS or not _rising(package.epochs):
        raise Malformed("its version or epochs are not as they must be", input="key package", where="epochs")
    for epoch in package.epochs:
        _check_epoch(package, epoch)
    return package


def _rising(epochs: Sequence[Epoch]) -> bool:
    return all(earlier.epoch < later.epoch for earlier, later in pairwise(epochs))


def _check_epoch(package: KeyPackage, epoch: Epoch) -> None:
    where = f"epoch {epoch.epoch}"
    if len(epoch.prekey) != SUITE.prekey_length or set(epoch.lanes) != set(LANES):
        raise Malformed(
            "a prekey of another length, or not exactly the lanes", input="key package", where=where
        )
    if not epoch_start(epoch.epoch) <= epoch.not_before < epoch.not_after <= epoch_start(epoch.epoch + 1):
        raise Malformed("valid outside its own week", input="key package", where=where)
    for lane in epoch.lanes.values():
        if mailbox_tag(package.relay, package.read, public_key(lane.put)) != lane.tag:
            raise Malformed("a mailbox tag does not follow from its keys", input="key package", where=where)
