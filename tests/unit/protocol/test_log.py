from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.errors import BadSignature, HomeDamaged, Malformed, Misdirected, Unproven
from simpul.protocol.keys import LogKey
from simpul.protocol.log import (
    EMPTY_ROOT,
    Checkpoint,
    Frontier,
    conflicting,
    consistency_proof,
    content_commitment,
    decode_entries,
    dummies_needed,
    dummy_leaf,
    encode_entries,
    inclusion_proof,
    leaf_hash,
    log_origin,
    node_hash,
    open_checkpoint,
    parse_checkpoint,
    read_origin,
    read_verifier_keys,
    received_leaf,
    root_at,
    sent_leaf,
    sign_checkpoint,
    step_leaf,
    tile_path,
    verifier_keys,
    verify_consistency,
    verify_inclusion,
)

ORIGIN = log_origin("a1" * 25, "live", bytes(range(16)))
KEY = LogKey(b"1" * 64)
OTHER = LogKey(b"2" * 64)
NOW = 1_800_000_000_000_000

sizes = st.integers(0, 130)


def entry(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


def tree_hash(entries: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1, word by word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*path(m, entries[:k]), tree_hash(entries[k:])]
    return [*path(m - k, entries[k:]), tree_hash(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.2."""
    return subproof(m, entries, whole=True)


def subproof(m: int, entries: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if m == len(entries):
        return [] if whole else [tree_hash(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), tree_hash(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), tree_hash(entries[:k])]


ENTRIES = [entry(number) for number in range(130)]


def hash_at(level: int, index: int) -> bytes:
    part = ENTRIES[index << level : (index + 1) << level]
    assert len(part) == 1 << level, "only complete subtrees are asked for"
    return tree_hash(part)


def note(size: int = 2, key: LogKey = KEY, origin: str = ORIGIN) -> bytes:
    return sign_checkpoint(Checkpoint(origin=origin, size=size, root=tree_hash(ENTRIES[:size])), key, at=NOW)


@given(sizes)
def test_appending_gives_the_root_of_the_recursive_definition(size: int) -> None:
    frontier = Frontier()
    frontier.extend(ENTRIES[:size])
    assert frontier.root() == tree_hash(ENTRIES[:size])
    assert root_at(size, hash_at) == frontier.root()


@given(sizes, sizes)
def test_an_appender_goes_on_from_what_was_stored(stop: int, more: int) -> None:
    frontier = Frontier()
    frontier.extend(ENTRIES[: min(stop, more)])
    resumed = Frontier.decode(frontier.encode())
    resumed.extend(ENTRIES[min(stop, more) : max(stop, more)])
    assert resumed.root() == tree_hash(ENTRIES[: max(stop, more)])
    assert resumed.size == max(stop, more)


def test_nothing_stored_is_the_empty_tree() -> None:
    assert Frontier.decode(b"").root() == EMPTY_ROOT


@pytest.mark.parametrize("stored", [b"\x00", b"\x00" * 7, (3).to_bytes(8, "big") + b"x" * 32, b"\x00" * 9])
def test_a_torn_edge_is_reported_as_damage(stored: bytes) -> None:
    with pytest.raises(HomeDamaged):
        Frontier.decode(stored)


def test_an_edge_that_does_not_fit_its_size_is_refused() -> None:
    with pytest.raises(ValueError, match="at its edge"):
        Frontier(3, [b"x" * 32])
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier(1, [b"short"])


@given(st.data())
def test_inclusion_proofs_are_those_of_the_rfc_and_verify(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 130))
    index = data.draw(st.integers(0, size - 1))
    made = inclusion_proof(index, size, hash_at)
    assert made == path(index, ENTRIES[:size])
    verify_inclusion(leaf_hash(ENTRIES[index]), index, size, made, tree_hash(ENTRIES[:size]))


@given(st.data())
def test_consistency_proofs_are_those_of_the_rfc_and_verify(data: st.DataObject) -> None:
    second = data.draw(st.integers(1, 130))
    first = data.draw(st.integers(1, second))
    made = consistency_proof(first, second, hash_at)
    assert made == proof(first, ENTRIES[:second])
    verify_consistency(first, second, tree_hash(ENTRIES[:first]), tree_hash(ENTRIES[:second]), made)


@given(st.data())
def test_an_altered_inclusion_proof_does_not_verify(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 130))
    index = data.draw(st.integers(0, size - 1))
    made = inclusion_proof(index, size, hash_at)
    at = data.draw(st.integers(0, len(made) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(made[at], "big") ^ 1 << bit).to_bytes(32, "big")
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    root = tree_hash(ENTRIES[:size])
    for leaf, place, hashes in (
        (ENTRIES[index], index, [*made[:at], flipped, *made[at + 1 :]]),
        (ENTRIES[index], index, made[:-1]),
        (ENTRIES[index], index, [*made, made[0]]),
        (ENTRIES[index], other, made),
        (ENTRIES[other], index, made),
    ):
        with pytest.raises(Unproven):
            verify_inclusion(leaf_hash(leaf), place, size, hashes, root)


@given(st.data())
def test_a_rewritten_history_has_no_consistency_proof(data: st.DataObject) -> None:
    second = data.draw(st.integers(2, 130))
    first = data.draw(st.integers(1, second - 1))
    altered = [*ENTRIES[:second]]
    altered[data.draw(st.integers(0, first - 1))] = b"\xff" * 32
    made = consistency_proof(first, second, hash_at)
    for hashes in (made, proof(first, altered)):
        with pytest.raises(Unproven):
            verify_consistency(first, second, tree_hash(ENTRIES[:first]), tree_hash(altered), hashes)


def test_a_hash_of_another_length_is_refused_even_where_the_bytes_would_add_up() -> None:
    left, right = leaf_hash(ENTRIES[0]), leaf_hash(ENTRIES[1])
    root = node_hash(left, right)
    with pytest.raises(Unproven, match="32 bytes"):
        verify_inclusion(left + right[:1], 0, 2, [right[1:]], root)
    with pytest.raises(Unproven, match="32 bytes"):
        verify_consistency(1, 2, left + right[:1], root, [right[1:]])
    with pytest.raises(Unproven, match="32 bytes"):
        verify_inclusion(left, 0, 1, [], root + b"\x00")


def test_proofs_of_what_is_not_there_are_not_made() -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_proof(5, 5, hash_at)
    with pytest.raises(ValueError, match="no proof"):
        consistency_proof(6, 5, hash_at)


def test_every_tree_follows_from_the_empty_one() -> None:
    root = tree_hash(ENTRIES[:5])
    assert consistency_proof(0, 5, hash_at) == []
    verify_consistency(0, 5, EMPTY_ROOT, root, [])
    for first_root, hashes in ((root, []), (EMPTY_ROOT, [root])):
        with pytest.raises(Unproven):
            verify_consistency(0, 5, first_root, root, hashes)


def test_leaves_of_different_steps_never_meet() -> None:
    salt, other = b"s" * 32, b"t" * 32
    content = content_commitment(other, b"{}")
    leaves = [
        sent_leaf(salt, content),
        received_leaf(salt, content),
        step_leaf(salt, "import", NOW, content),
        step_leaf(salt, "import", NOW + 1, content),
        step_leaf(salt, "release", NOW, content),
        step_leaf(other, "import", NOW, content),
        step_leaf(salt, "import", NOW, content_commitment(salt, b"{}")),
        dummy_leaf(salt),
    ]
    assert len({*leaves}) == len(leaves)
    assert {len(leaf) for leaf in leaves} == {32}


def test_a_sent_leaf_is_what_the_protocol_says() -> None:
    salt, name = b"s" * 32, b"n" * 32
    assert sent_leaf(salt, name) == hashlib.sha256(b"sent" + salt + name).digest()


@pytest.mark.parametrize("salt", [b"", b"s" * 31, b"s" * 33])
def test_a_salt_of_another_length_is_refused(salt: bytes) -> None:
    makers: list[Callable[[], bytes]] = [
        lambda: sent_leaf(salt, b"n" * 32),
        lambda: content_commitment(salt, b""),
        lambda: step_leaf(salt, "import", 0, b"c" * 32),
        lambda: dummy_leaf(salt),
    ]
    for make in makers:
        with pytest.raises(ValueError, match="32 bytes"):
            make()


@pytest.mark.parametrize("kind", ["", "k" * 256])
def test_a_step_has_a_kind_of_fitting_length(kind: str) -> None:
    with pytest.raises(ValueError, match="kind"):
        step_leaf(b"s" * 32, kind, 0, b"c" * 32)


@pytest.mark.parametrize(("size", "missing"), [(0, 0), (1, 63), (64, 0), (65, 63), (127, 1)])
def test_dummies_fill_up_to_the_quantum(size: int, missing: int) -> None:
    assert dummies_needed(size) == missing


@pytest.mark.parametrize(
    ("level", "index", "width", "expected"),
    [
        (0, 0, 256, "tile/0/000"),
        (1, 1234067, 256, "tile/1/x001/x234/067"),
        ("entries", 1000, 7, "tile/entries/x001/000.p/7"),
        (2, 999, 1, "tile/2/999.p/1"),
    ],
)
def test_tile_paths_are_those_of_tlog_tiles(level: int | str, index: int, width: int, expected: str) -> None:
    assert tile_path(level, index, width) == expected


def test_entries_come_back_from_their_bundle() -> None:
    bundle = encode_entries(ENTRIES[:3])
    assert bundle[:2] == b"\x00\x20"
    assert decode_entries(bundle) == ENTRIES[:3]


@pytest.mark.parametrize(
    "bundle", [b"\x00", encode_entries(ENTRIES[:2])[:-1], encode_entries([b"x" * 33, b"y" * 31])]
)
def test_a_torn_bundle_is_refused(bundle: bytes) -> None:
    with pytest.raises(Malformed):
        decode_entries(bundle)


def test_the_origin_names_party_realm_and_incarnation() -> None:
    assert ORIGIN == "simpul/" + "a1" * 25 + "/live/000102030405060708090a0b0c0d0e0f"
    assert read_origin(ORIGIN) == ("a1" * 25, "live", bytes(range(16)))


@pytest.mark.parametrize("origin", ["", "simpul/aa/live/00", ORIGIN + "0", ORIGIN.upper(), ORIGIN + "\n"])
def test_another_form_of_origin_is_refused(origin: str) -> None:
    with pytest.raises(Malformed):
        read_origin(origin)


def test_a_signed_checkpoint_opens_under_its_key() -> None:
    opened = open_checkpoint(note(), KEY.public, ORIGIN)
    assert opened == Checkpoint(origin=ORIGIN, size=2, root=tree_hash(ENTRIES[:2]))


def test_an_empty_log_has_a_checkpoint() -> None:
    assert open_checkpoint(note(0), KEY.public).root == EMPTY_ROOT


def test_the_lines_are_as_c2sp_lays_them_out() -> None:
    lines = note().decode().split("\n")
    assert lines[:2] == [ORIGIN, "2"]
    assert lines[3] == ""
    assert [line.split(" ")[:2] for line in lines[4:6]] == [["—", ORIGIN]] * 2
    assert lines[6] == ""
    signed = parse_checkpoint(note())
    for line, key in zip(signed.signatures, verifier_keys(ORIGIN, KEY.public), strict=True):
        assert key.split("+", 2)[:2] == [ORIGIN, line.key_id.hex()]
    assert [len(line.signature) for line in signed.signatures] == [64, 8 + 2420]


def test_signatures_by_strangers_are_ignored() -> None:
    strange = parse_checkpoint(note(key=OTHER))
    raw = note() + note(key=OTHER).rpartition(b"\n\n")[2]
    assert len(parse_checkpoint(raw).signatures) == 2 + len(strange.signatures)
    assert open_checkpoint(raw, KEY.public).size == 2


@pytest.mark.parametrize("line", [0, 1])
def test_one_missing_signature_is_not_enough(line: int) -> None:
    text, _, lines = note().rpartition(b"\n\n")
    kept = lines.splitlines(keepends=True)[1 - line]
    with pytest.raises(BadSignature, match="missing"):
        open_checkpoint(text + b"\n\n" + kept, KEY.public)


@pytest.mark.parametrize("line", [0, 1])
def test_one_broken_signature_is_not_enough(line: int) -> None:
    text, _, lines = note().rpartition(b"\n\n")
    foreign = note(size=3).rpartition(b"\n\n")[2].splitlines(keepends=True)
    mixed = lines.splitlines(keepends=True)
    mixed[line] = foreign[line]
    with pytest.raises(BadSignature, match="does not hold"):
        open_checkpoint(text + b"\n\n" + b"".join(mixed), KEY.public)


def test_a_checkpoint_of_another_log_or_key_is_refused() -> None:
    with pytest.raises(Misdirected):
        open_checkpoint(note(), KEY.public, log_origin("a1" * 25, "live", bytes(16)))
    with pytest.raises(BadSignature):
        open_checkpoint(note(), OTHER.public, ORIGIN)


@settings(max_examples=60)
@given(st.data())
def test_an_altered_checkpoint_never_opens(data: st.DataObject) -> None:
    raw = bytearray(note())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((Malformed, BadSignature, Misdirected)):
        open_checkpoint(bytes(raw), KEY.public, ORIGIN)


@given(st.binary(max_size=300))
def test_garbage_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(raw)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n2\n", b"\n02\n"),
        (b"\n2\n", b"\n-2\n"),
        (b"\n2\n", b"\n2\nextension\n"),
        (b"\n\n", b"\n"),
        ("—".encode(), b"-"),
    ],
)
def test_what_is_no_checkpoint_is_malformed(old: bytes, new: bytes) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(note().replace(old, new, 1))


def test_an_endless_checkpoint_is_refused_unread() -> None:
    with pytest.raises(Malformed, match="limit"):
        parse_checkpoint(note() + b"x" * 70_000)


def test_verifier_keys_come_back_from_their_lines() -> None:
    lines = verifier_keys(ORIGIN, KEY.public)
    assert read_verifier_keys(lines) == (ORIGIN, KEY.public)
    assert read_verifier_keys(lines[::-1]) == (ORIGIN, KEY.public)


LINES = verifier_keys(ORIGIN, KEY.public)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        LINES[:1],
        [LINES[0], LINES[0]],
        [LINES[0], verifier_keys("other", KEY.public)[1]],
        [LINES[0], LINES[1][:-4]],
        [LINES[0], f"x{LINES[1]}"],
        [LINES[0], ""],
        [LINES[0], "a+b+c"],
    ],
)
def test_other_lines_are_no_verifier_keys(lines: list[str]) -> None:
    with pytest.raises(Malformed):
        read_verifier_keys(lines)


def test_two_roots_at_one_size_are_evidence() -> None:
    one = Checkpoint(origin=ORIGIN, size=2, root=tree_hash(ENTRIES[:2]))
    other = Checkpoint(origin=ORIGIN, size=2, root=tree_hash(ENTRIES[1:3]))
    later = Checkpoint(origin=ORIGIN, size=3, root=tree_hash(ENTRIES[:3]))
    assert conflicting(one, other)
    assert not conflicting(one, one)
    assert not conflicting(one, later)
