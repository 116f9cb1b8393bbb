"""What is stored: objects with their labels, words and values. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from simpul.domain.labels import Label
from simpul.domain.objects import Marked, ObjectKey
from simpul.domain.queries import Audience, Query


class StoredHead(Struct, frozen=True, kw_only=True):
    """What the store says of one stored rendition without its bytes.

    `label` is the hash of the object's effective label; `markings` are the marking ids that the bytes of each portion
    carry, the object itself first.
    """

    key: ObjectKey
    type: str
    label: bytes
    source: str
    arrived: int
    revoked: bool
    markings: tuple[tuple[str, ...], ...]


class Added(Struct, frozen=True, kw_only=True):
    """What became of a batch: new renditions, ones that were there, and new ones that contradict a stored version."""

    stored: int
    known: int
    conflicts: tuple[ObjectKey, ...]


class ValueHit(Struct, frozen=True, kw_only=True):
    """A stored object whose portion holds a value: a candidate for a match."""

    kind: str
    key: str
    object: ObjectKey
    type: str
    portion: int
    label: bytes


class LabelUse(Struct, frozen=True, kw_only=True):
    """A label in use by one originator; how many renditions bear it on the object itself, and how many further portions."""

    hash: bytes
    originator: str
    label: Label
    objects: int
    portions: int


class Original(Struct, frozen=True, kw_only=True):
    """What a stored object was converted from (law 3).

    Attributes:
        format: of `raw`, such as "stix-2.0".
        made_by: name and version of the conversion.
        raw: the bytes as they came.
        losses: canonical JSON of what the conversion could not keep: an array of {"lost", "path"}.
    """

    format: str
    made_by: str
    raw: bytes
    losses: bytes


class Objects(Protocol):
    """Objects, labels, words and values."""

    def add(self, batch: Sequence[Marked], *, source: str, at: int) -> Added:
        """Store renditions that are not there yet, with labels, portion rows, words and values.

        `source` is the party that delivered them (this node's own fingerprint for an import). A rendition that is
        there is left as it is, its label too. A new rendition of a version of which another original is stored is
        kept and reported as a conflict.
        """
        ...

    def find(
        self,
        audience: Audience,
        id: str,
        *,
        version: int | None = None,
        originator: str | None = None,
    ) -> list[StoredHead]:
        """All stored renditions of an id that fit, newest version first."""
        ...

    def raw(self, audience: Audience, key: ObjectKey) -> bytes:
        """The exact bytes. Raises `NotFound` alike for absent and for not permitted."""
        ...

    def bodies(self, audience: Audience, keys: Sequence[ObjectKey]) -> dict[ObjectKey, bytes]:
        """The exact bytes of those of a page whose every portion is permitted, asked for at once."""
        ...

    def keep_original(self, keys: Sequence[ObjectKey], original: Original) -> None:
        """Keep the bytes that stored objects were converted from beside them, in the transaction that adds them.

        The same bytes again change nothing; other bytes that became the same object are kept too. Raises `NotFound`.
        """
        ...

    def original(self, audience: Audience, key: ObjectKey) -> Original | None:
        """What an object was converted from, the last that was kept; None where nothing was converted.

        Raises `NotFound` as `raw` does, and also where one of the other objects made of those bytes is not permitted:
        they hold it too.
        """
        ...

    def labels_of(self, audience: Audience, key: ObjectKey) -> tuple[Label, ...]:
        """The effective label of each portion, the object itself first."""
        ...

    def newest(
        self, audience: Audience, *, limit: int, after: str | None = None
    ) -> tuple[list[StoredHead], str | None]:
        """A page of the newest arrivals, and an opaque cursor to the next page or None."""
        ...

    def query(
        self, audience: Audience, query: Query, *, limit: int, after: str | None = None
    ) -> tuple[list[StoredHead], str | None]:
        """A page of what fits, newest arrival first, and the cursor to the next page."""
        ...

    def count(self, audience: Audience, query: Query) -> int:
        """How many renditions fit."""
        ...

    def stream(self, audience: Audience, query: Query, *, latest: bool) -> Iterator[tuple[StoredHead, bytes]]:
        """All that fit with their bytes, oldest arrival first; `latest` keeps the newest version per (originator, id).

        Where the newest version has several renditions, all of them are given.
        """
        ...

    def heads(self, audience: Audience, query: Query, *, latest: bool) -> Iterator[StoredHead]:
        """As `stream`, without the bytes: so also what may be seen only in part."""
        ...

    def relabel(self, changes: Sequence[tuple[ObjectKey, tuple[Label, ...]]]) -> int:
        """Set the effective labels of the portions of each key. Returns how many renditions changed."""
        ...

    def restrict(self, keys: Sequence[ObjectKey], label: Label) -> list[ObjectKey]:
        """Join a label onto that of every portion of each key: never wider. Returns the keys that changed."""
        ...

    def bearers(
        self, audience: Audience, marking: str, *, limit: int, after: str | None = None
    ) -> tuple[list[StoredHead], str | None]:
        """A page of the objects whose bytes bear a marking, on the whole or on a portion, and the cursor to the next."""
        ...

    def hits(self, audience: Audience, keys: Sequence[tuple[str, str]]) -> list[ValueHit]:
        """Objects that hold any of these (kind, key) values."""
        ...

    def covered(self, audience: Audience, keys: Sequence[tuple[str, str]]) -> list[ValueHit]:
        """Observations of values that one of these (kind, key) covers by name: what lies under a zone, or at a host.

        A hit states the covering value that was asked for. Networks are not asked for here
        (`domain.observables.covered_keys` lists their addresses).
        """
        ...

    def observations(self, audience: Audience, ids: Sequence[str]) -> list[tuple[str, StoredHead]]:
        """Sightings and observed-data that say that one of these ids was seen, each with that id, oldest first."""
        ...

    def label(self, hash: bytes) -> Label:
        """An interned label. Raises `NotFound`."""
        ...

    def labels(self, audience: Audience) -> list[tuple[bytes, Label, int]]:
        """Every label in use that the asker may see, with how many renditions bear it on the object itself."""
        ...

    def labels_in_use(self, audience: Audience) -> list[LabelUse]:
        """The same by originator, in the order in which they came: what a decision is made about, once each."""
        ...

    def originated(self, party: str, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that this party originated, as far as is known from its own manifests."""
        ...
