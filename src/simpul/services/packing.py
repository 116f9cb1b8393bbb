"""Packing: each part of a release becomes a message of its own, in a job, by the process that holds the home's lock."""

from __future__ import annotations

from typing import Final

from simpul.domain.journal import Job
from simpul.domain.releases import Release
from simpul.ports import Unit
from simpul.protocol.canonical import Bytes16, Bytes32, Wire, decode, encode
from simpul.protocol.documents import parse_document
from simpul.protocol.manifest import Tree, decode_manifest
from simpul.protocol.message import content_part
from simpul.protocol.release import pack
from simpul.services.node import Node
from simpul.services.posting import drawn, expiry

PACK: Final = "pack"
"""Job kind: turn one part of a release into a message."""


class PackJob(Wire, frozen=True, kw_only=True):
    """Arguments of a `PACK` job: leaves `start` ≤ position < `stop` go as part `part`."""

    release: Bytes16
    part: int
    start: int
    stop: int
    decision: Bytes32


def parts_of(unit: Unit, release: bytes) -> list[tuple[int, int]]:
    """The range of leaves, from and up to but without, that each part of a release carries."""
    return decode(unit.directory.get(parts_name(release)) or b"[]", list[tuple[int, int]])


def parts_name(release: bytes) -> str:
    """The setting that holds the parts of a release: ranges of leaves."""
    return f"parts:{release.hex()}"


def pack_job(node: Node, release: Release, now: int, args: PackJob) -> Job:
    """The job that turns one part of a release into a message."""
    return Job(
        id=node.entropy(16),
        kind=PACK,
        args=encode(args),
        unique=f"{PACK}:{release.id.hex()}:{args.part}",
        run_at=now,
        attempts=0,
        lease_until=None,
        error="",
    )


class Packer:
    """Turns `PACK` jobs into queued messages; keeps the tree of the release it worked on last."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tree: tuple[bytes, Tree] | None = None

    def run(self, unit: Unit, job: Job) -> None:
        """Queue one part. The caller finishes the job in the same transaction."""
        args = decode(job.args, PackJob)
        release = unit.products.release_by_id(args.release)
        product = unit.products.product(release.product, release.version)
        packed = pack(
            parse_document(release.signed),
            decode_manifest(release.manifest),
            part=args.part,
            leaves=unit.products.leaves(release.id, args.start, args.stop),
            path=self._tree_of(unit, release).path(args.start, args.stop),
        )
        unit.mail.queue(
            [
                content_part(
                    release,
                    packed,
                    drawn(self._node),
                    lane="urgent" if product.precedence.urgent else "normal",
                    now=self._node.clock(),
                    decided_at=release.created,
                    expires=expiry(self._node),
                    decision=args.decision,
                )
            ]
        )

    def _tree_of(self, unit: Unit, release: Release) -> Tree:
        if self._tree is None or self._tree[0] != release.id:
            self._tree = (release.id, Tree(unit.products.leaf_hashes(release.id)))
        return self._tree[1]
