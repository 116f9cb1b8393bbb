"""Products, approvals, releases. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from simpul.domain.objects import ObjectKey
from simpul.domain.products import Approval, Product
from simpul.domain.queries import Query
from simpul.domain.releases import Release, ReleaseLeaf
from simpul.ports.objects import StoredHead


class Products(Protocol):
    """Products, their approvals, and the releases made of them."""

    def add(self, product: Product, query: Query | None, keys: Sequence[ObjectKey]) -> int:
        """Store a product version with the objects it carries; returns how many. A version is never changed.

        It carries `keys`, and the newest version per (originator, id) of all that fits `query` (None: no query).
        """
        ...

    def product(self, id: str, version: int | None = None) -> Product:
        """One version, the newest by default. Raises `NotFound`."""
        ...

    def products(self) -> list[Product]:
        """The newest version of each product of this node, newest first."""
        ...

    def members(self, id: str, version: int) -> Iterator[tuple[StoredHead, bytes]]:
        """The objects a version carries with their bytes, in a fixed order."""
        ...

    def labels_digest(self, id: str, version: int) -> bytes:
        """SHA-256 over the label hashes of every portion of the objects a version carries, in the order of `members`.

        It changes when any of them is marked anew: what an approval was given for is then no longer what would go.
        """
        ...

    def add_release(self, release: Release) -> None:
        """Store a fixed release. An older unreleased one for the same product and recipient becomes `void`."""
        ...

    def add_leaves(self, release: bytes, leaves: Sequence[ReleaseLeaf]) -> None:
        """Append leaves of a fixed release."""
        ...

    def leaves(self, release: bytes, start: int, stop: int) -> list[tuple[ReleaseLeaf, bytes]]:
        """Leaves with `start <= position < stop`, by position, each with its proof, and the exact bytes it stands for."""
        ...

    def consents(self, release: bytes) -> list[bytes]:
        """The grant documents (`domain.releases.Proof.grant`) on which leaves of a release rest, each once."""
        ...

    def leaf_hashes(self, release: bytes) -> bytes:
        """All leaf hashes of the padded tree, 32 bytes each, by position."""
        ...

    def set_leaf_hashes(self, release: bytes, hashes: bytes) -> None:
        """Keep all leaf hashes of the padded tree (entries and padding)."""
        ...

    def release(self, product: str, version: int, recipient: str) -> Release | None:
        """The newest release that is not void, if any."""
        ...

    def release_by_id(self, id: bytes) -> Release:
        """Raises `NotFound`."""
        ...

    def releases(self) -> list[Release]:
        """All releases, newest first, void ones included."""
        ...

    def update_release(self, release: Release) -> None:
        """Store new `state`, `signed`, `approved_at`, `released_at` of a release."""
        ...

    def add_approval(self, release: bytes, approval: Approval) -> None:
        """Add an approval. The same user approving twice counts once."""
        ...

    def approvals(self, release: bytes) -> list[Approval]:
        """Approvals of a release, oldest first."""
        ...

    def granted(self, party: str, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that an earlier unrecalled release from here carried to this party (law 2)."""
        ...
