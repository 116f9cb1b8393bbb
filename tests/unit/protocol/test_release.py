"""A part of a release: proves itself alone, and nothing in it can be changed, added or relabelled."""

from __future__ import annotations

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.releases import ReleaseLeaf
from simpul.errors import BadSignature, Malformed, Misdirected, NotUnderstood, TooLarge, Unproven
from simpul.protocol import manifest, release
from simpul.protocol.canonical import encode
from simpul.protocol.documents import sign
from simpul.protocol.framing import Reader, blob
from simpul.protocol.release import Packed, Part, ranges
from tests.unit.protocol.parties import ARUNIKA, BOREALIA, Tale, drawn, tale

BODIES = [b"sheet", b"portion of narrative", *(f'{{"id":"note--{n}"}}'.encode() * 5 for n in range(9))]
TOLD = tale(BODIES, parts=3)


def read(packed: Packed) -> Part:
    unpacked = release.unpack(packed.payload, packed.length, "live")
    return release.prove(unpacked, ARUNIKA.signing.public)


def fields(payload: bytes) -> tuple[bytes, bytes, bytes]:
    """Index, manifest document, and what follows them."""
    reader = Reader(payload, "test")
    return reader.blob(), reader.blob(), reader.rest()


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20), st.data())
def test_any_part_reads_back_byte_for_byte(bodies: list[bytes], data: st.DataObject) -> None:
    told = tale(bodies)
    start = data.draw(st.integers(0, len(bodies) - 1))
    stop = data.draw(st.integers(start + 1, len(bodies)))
    part = read(told.pack(start, stop))
    assert [entry.body for entry in part.entries] == bodies[start:stop]
    assert [entry.position for entry in part.entries] == list(range(start, stop))
    sent = [(leaf.kind, leaf.label, leaf.salt) for leaf, _ in told.leaves[start:stop]]
    assert [(entry.kind, entry.label, entry.salt) for entry in part.entries] == sent
    assert part.manifest == told.manifest


def test_parts_prove_themselves_in_any_order_and_make_up_the_whole() -> None:
    cuts = [(0, 4), (4, 8), (8, 11)]
    parts = [read(TOLD.pack(start, stop, number)) for number, (start, stop) in enumerate(cuts)]
    for part in reversed(parts):
        assert part.manifest.parts == 3
    whole = [entry.body for part in parts for entry in part.entries]
    assert whole == BODIES
    assert TOLD.pack(0, 4).objects == 2


def test_no_frame_mixes_two_labels() -> None:
    _, _, rest = fields(TOLD.pack().payload)
    reader = Reader(rest[32 * len(BODIES) :], "frames")
    frames = [zstandard.ZstdDecompressor().decompress(reader.blob()) for _ in range(2)]
    reader.end()
    assert frames == [b"".join(BODIES[0::2]), b"".join(BODIES[1::2])]


def test_a_manifest_by_anybody_else_is_refused() -> None:
    packed = TOLD.pack()
    unpacked = release.unpack(packed.payload, packed.length, "live")
    with pytest.raises(BadSignature):
        release.prove(unpacked, BOREALIA.signing.public)
    forged = sign(manifest.KIND, "live", TOLD.document.payload, BOREALIA.signing)
    index, _, rest = fields(packed.payload)
    with pytest.raises(BadSignature):
        read(replace(packed, payload=blob(index) + blob(forged.encode()) + rest))


def changed_leaf(told: Tale, **change: object) -> Packed:
    leaf, body = told.leaves[3]
    changed = replace(leaf, **{k: v for k, v in change.items() if k != "body"})
    leaves = [*told.leaves]
    leaves[3] = (changed, body if "body" not in change else bytes(str(change["body"]), "ascii"))
    return release.pack(
        told.document, told.manifest, part=0, leaves=leaves, path=told.tree.path(0, len(leaves))
    )


@pytest.mark.parametrize(
    "change",
    [
        {"body": "something else"},
        {"label": TOLD.leaves[2][0].label},
        {"salt": drawn("another salt")},
        {"kind": 1},
    ],
)
def test_an_edited_relabelled_or_resalted_leaf_is_unproven(change: dict[str, object]) -> None:
    with pytest.raises(Unproven):
        read(changed_leaf(TOLD, **change))


def test_a_foreign_leaf_in_the_place_of_ours_is_unproven() -> None:
    other = tale([b"x", b"y", *BODIES[2:]], parts=3, name="other tale")
    leaves = [*TOLD.leaves[:10], other.leaves[10]]
    packed = release.pack(TOLD.document, TOLD.manifest, part=0, leaves=leaves, path=TOLD.tree.path(0, 11))
    with pytest.raises(Unproven):
        read(packed)


def test_leaves_at_another_position_are_unproven() -> None:
    leaves: list[tuple[ReleaseLeaf, bytes]] = [
        (replace(leaf, position=leaf.position + 1), body) for leaf, body in TOLD.leaves[2:4]
    ]
    packed = release.pack(TOLD.document, TOLD.manifest, part=0, leaves=leaves, path=TOLD.tree.path(2, 4))
    with pytest.raises(Unproven):
        read(packed)


def test_more_entries_than_the_originator_signed_are_unproven() -> None:
    leaf, body = TOLD.leaves[-1]
    leaves = [(replace(leaf, position=11), body)]
    packed = release.pack(TOLD.document, TOLD.manifest, part=0, leaves=leaves, path=TOLD.tree.path(11, 12))
    with pytest.raises(Unproven, match="more entries"):
        release.unpack(packed.payload, packed.length, "live")


def test_no_more_is_decompressed_than_was_declared() -> None:
    told = tale([b"s", b"p", b"A" * 1000])
    packed = told.pack()
    for length in (packed.length - 1, packed.length + 1, 0):
        with pytest.raises(Malformed, match="declared"):
            release.unpack(packed.payload, length, "live")


@pytest.mark.parametrize(
    "frame",
    [
        zstandard.ZstdCompressor().compress(b"A" * (64 << 20)),
        zstandard.ZstdCompressor(write_content_size=False).compress(b"A" * (64 << 20)),
        zstandard.ZstdCompressor(write_content_size=False).compress(b"A" * 4),
        zstandard.ZstdCompressor().compress(b"AAAA") * 2,
        zstandard.ZstdCompressor().compress(b"AAAA") + b"trailing",
        zstandard.ZstdCompressor().compress(b"AAAA")[:-1],
        b"AAAA",
        b"",
    ],
)
def test_a_frame_that_is_not_exactly_its_entries_is_malformed(frame: bytes) -> None:
    told = tale([b"AAAA"])
    packed = told.pack()
    index, document, rest = fields(packed.payload)
    payload = blob(index) + blob(document) + rest[:32] + blob(frame)
    with pytest.raises(Malformed):
        release.unpack(payload, packed.length, "live")


def test_every_truncation_and_extension_is_malformed() -> None:
    packed = TOLD.pack()
    for length in [*range(0, len(packed.payload), 211), len(packed.payload) - 1]:
        with pytest.raises(Malformed):
            release.unpack(packed.payload[:length], packed.length, "live")
    with pytest.raises(Malformed):
        release.unpack(packed.payload + b"\0", packed.length, "live")


def reindexed(packed: Packed, old: bytes, new: bytes) -> bytes:
    index, document, rest = fields(packed.payload)
    assert old in index
    return blob(index.replace(old, new)) + blob(document) + rest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[0,0,5]", b"[3,0,5]"),
        (b"[0,0,5]", b"[-1,0,5]"),
        (b"[0,0,5]", b"[0,2,5]"),
        (b"[0,0,5]", b"[0,-1,5]"),
        (b"[0,0,5]", b"[0,0,-5]"),
        (b"[0,0,5]", b"[0,0]"),
        (b"[0,0,5]", b"[0,0,5,9]"),
        (b'"part":0', b'"part":3'),
        (b'"part":0', b'"part":-1'),
        (b'"part":0', b'"part": 0'),
    ],
)
def test_an_index_out_of_range_is_malformed(old: bytes, new: bytes) -> None:
    packed = TOLD.pack()
    with pytest.raises((Malformed, NotUnderstood)):
        release.unpack(reindexed(packed, old, new), packed.length, "live")


def test_an_empty_part_is_malformed() -> None:
    payload = blob(encode(release._Index(part=0, start=0, entries=()))) + blob(TOLD.document.encode())
    with pytest.raises(Malformed):
        release.unpack(payload, 0, "live")


def test_a_part_of_another_realm_is_misdirected() -> None:
    packed = TOLD.pack()
    with pytest.raises(Misdirected):
        release.unpack(packed.payload, packed.length, "exercise-1")


@settings(max_examples=100)
@given(st.lists(st.integers(0, 50), max_size=40))
def test_parts_cover_everything_in_order_within_their_limits(lengths: list[int]) -> None:
    cuts = ranges(lengths, entries=7, size=100)
    assert [at for start, stop in cuts for at in range(start, stop)] == list(range(len(lengths)))
    for start, stop in cuts:
        assert 0 < stop - start <= 7
        assert sum(lengths[start:stop]) <= 100


def test_one_large_leaf_goes_alone_and_one_too_large_not_at_all() -> None:
    assert ranges([10, release.PART_BYTES + 1, 10]) == [(0, 1), (1, 2), (2, 3)]
    with pytest.raises(TooLarge):
        ranges([release.LEAF_BYTES + 1])


def test_a_hundred_thousand_small_leaves_go_as_a_hundred_parts() -> None:
    assert len(ranges([600] * 100_000)) == 100
