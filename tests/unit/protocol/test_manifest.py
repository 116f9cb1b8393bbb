"""The tree over a release: any range of leaves proves itself, and nothing else does."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.releases import OBJECT, PORTION
from simpul.errors import Malformed, Misdirected, Unproven
from simpul.protocol import manifest
from simpul.protocol.documents import sign
from simpul.protocol.manifest import Tree, leaf_hash, pad, padded, prove_range, shuffled
from tests.unit.protocol.parties import ARUNIKA, BOREALIA, drawn, tale


def naive_root(hashes: list[bytes]) -> bytes:
    """The definition, recursively: the root of a power of two of leaves."""
    if len(hashes) == 1:
        return hashes[0]
    half = len(hashes) // 2
    return hashlib.sha256(b"\x01" + naive_root(hashes[:half]) + naive_root(hashes[half:])).digest()


def hashes(count: int) -> list[bytes]:
    return [drawn(f"leaf {n}") for n in range(count)]


def test_a_leaf_is_what_the_specification_says() -> None:
    salt, label, body = drawn("salt"), drawn("label"), b"rendition"
    by_hand = b"\x00" + salt + b"\x02" + (9).to_bytes(8, "big") + label + body
    assert leaf_hash(salt, OBJECT, label, body) == hashlib.sha256(by_hand).digest()


def test_every_part_of_a_leaf_counts() -> None:
    salt, label = drawn("salt"), drawn("label")
    leaves = {
        leaf_hash(salt, OBJECT, label, b"body"),
        leaf_hash(salt, PORTION, label, b"body"),
        leaf_hash(drawn("s"), OBJECT, label, b"body"),
        leaf_hash(salt, OBJECT, drawn("l"), b"body"),
        leaf_hash(salt, OBJECT, label, b"bodY"),
        leaf_hash(salt, OBJECT, label, b""),
    }
    assert len(leaves) == 6


@pytest.mark.parametrize("width", [1, 2, 4, 8, 32])
def test_the_root_follows_the_definition(width: int) -> None:
    assert Tree(b"".join(hashes(width))).root == naive_root(hashes(width))


def test_every_range_of_every_small_tree_proves_itself() -> None:
    for width in (1, 2, 4, 8, 16):
        leaves = hashes(width)
        tree = Tree(b"".join(leaves))
        for start in range(width):
            for stop in range(start + 1, width + 1):
                path = tree.path(start, stop)
                assert len(path) <= 2 * width.bit_length()
                prove_range(tree.root, width, start, b"".join(leaves[start:stop]), path)


@settings(max_examples=150)
@given(st.data())
def test_no_altered_range_proves_itself(data: st.DataObject) -> None:
    width = data.draw(st.sampled_from([2, 4, 8, 64]))
    start = data.draw(st.integers(0, width - 1))
    stop = data.draw(st.integers(start + 1, width))
    leaves = hashes(width)
    tree = Tree(b"".join(leaves))
    good, path = leaves[start:stop], list(tree.path(start, stop))
    what = data.draw(st.sampled_from(["leaf", "path", "start", "longer", "shorter", "swap", "width"]))
    if what == "leaf":
        at = data.draw(st.integers(0, len(good) - 1))
        good[at] = drawn("foreign leaf")
    elif what == "path" and path:
        path[data.draw(st.integers(0, len(path) - 1))] = drawn("foreign node")
    elif what == "start":
        start = data.draw(st.integers(-1, width).filter(lambda n: n != start))
    elif what == "longer":
        path.append(drawn("one more"))
    elif what == "shorter" and path:
        path.pop()
    elif what == "swap" and len(good) > 1:
        good[0], good[-1] = good[-1], good[0]
    else:
        width *= 2
    with pytest.raises(Unproven):
        prove_range(tree.root, width, start, b"".join(good), path)


def test_an_inner_node_does_not_pass_for_a_leaf() -> None:
    leaves = hashes(4)
    tree = Tree(b"".join(leaves))
    left = hashlib.sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    right = hashlib.sha256(b"\x01" + leaves[2] + leaves[3]).digest()
    with pytest.raises(Unproven):
        prove_range(tree.root, 4, 0, left, [right])


def test_hashes_that_are_not_32_bytes_prove_nothing() -> None:
    tree = Tree(b"".join(hashes(2)))
    with pytest.raises(Unproven):
        prove_range(tree.root, 2, 0, hashes(1)[0], [hashes(2)[1][:31]])
    with pytest.raises(Unproven):
        prove_range(tree.root, 2, 0, hashes(1)[0][:31], list(tree.path(0, 1)))
    with pytest.raises(Unproven):
        prove_range(tree.root, 2, 0, b"", [])


def test_a_tree_over_anything_but_a_power_of_two_is_not_built() -> None:
    for data in (b"", bytes(31), bytes(96)):
        with pytest.raises(ValueError, match="power of two"):
            Tree(data)
    with pytest.raises(ValueError, match="range"):
        Tree(bytes(64)).path(1, 1)


@pytest.mark.parametrize(("entries", "width"), [(1, 1), (2, 2), (3, 4), (5, 8), (1000, 1024), (1024, 1024)])
def test_padding_reaches_the_next_power_of_two_with_the_bytes_given(entries: int, width: int) -> None:
    assert padded(entries) == width
    padding = drawn("padding", 32 * (width - entries))
    assert pad(b"h" * 32 * entries, padding) == b"h" * 32 * entries + padding
    with pytest.raises(ValueError, match="padding"):
        pad(b"h" * 32 * entries, padding + bytes(32))


def test_a_shuffle_is_a_permutation_that_follows_from_its_seed() -> None:
    order = shuffled(1000, drawn("seed"))
    assert sorted(order) == list(range(1000))
    assert order == shuffled(1000, drawn("seed"))
    assert order != shuffled(1000, drawn("another seed"))
    assert order[:10] != list(range(10))


def test_a_hundred_thousand_leaves_hash_in_under_two_seconds() -> None:
    before = time.process_time()
    Tree(bytes(32 * padded(100_000)))
    assert time.process_time() - before < 2


TOLD = tale([b"sheet", b"portion", b"object one", b"object two", b"object three"])


def test_a_manifest_reads_back_and_names_no_recipient() -> None:
    assert manifest.read_manifest(TOLD.document, "live") == TOLD.manifest
    assert BOREALIA.party.encode() in TOLD.document.payload, "only inside a label's view"
    assert b'"to"' not in TOLD.document.payload
    manifest.check_originator(TOLD.manifest, ARUNIKA.party)
    with pytest.raises(Misdirected):
        manifest.check_originator(TOLD.manifest, BOREALIA.party)


def test_a_manifest_of_another_realm_is_misdirected() -> None:
    with pytest.raises(Misdirected):
        manifest.read_manifest(TOLD.document, "exercise-1")


@pytest.mark.parametrize(
    "change",
    [
        {"entries": 0},
        {"entries": 9},
        {"leaves": 16},
        {"leaves": 7},
        {"parts": 0},
        {"parts": 6},
        {"size": -1},
        {"version": 0},
        {"labels": ()},
        {"originator": "nobody"},
    ],
)
def test_a_manifest_whose_numbers_are_out_of_range_is_malformed(change: dict[str, object]) -> None:
    payload = manifest.encode_manifest(replace(TOLD.manifest, **change))
    with pytest.raises(Malformed):
        manifest.read_manifest(sign(manifest.KIND, "live", payload, ARUNIKA.signing), "live")


def test_one_object_passes_on_without_the_rest() -> None:
    leaf, body = TOLD.leaves[3]
    path = TOLD.tree.path(3, 4)
    hashed = leaf_hash(leaf.salt, leaf.kind, leaf.label, body)
    prove_range(TOLD.manifest.root, TOLD.manifest.leaves, 3, hashed, path)
    assert leaf.label in TOLD.manifest.label_hashes
    relabelled = leaf_hash(leaf.salt, leaf.kind, TOLD.leaves[2][0].label, body)
    with pytest.raises(Unproven):
        prove_range(TOLD.manifest.root, TOLD.manifest.leaves, 3, relabelled, path)
