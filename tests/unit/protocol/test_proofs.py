"""What is passed on proves itself by its originator's manifest, one leaf alone; nothing in a proof can be changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.grants import Grant, Leaves
from simpul.domain.labels import Onward
from simpul.domain.releases import OBJECT, PASSED, PORTION, SHEET, Proof
from simpul.errors import BadSignature, Malformed, Misdirected, Unproven
from simpul.protocol import manifest, proofs, release
from simpul.protocol.documents import Document, sign
from simpul.protocol.grants import GRANT, encode_grant
from simpul.protocol.keys import PublicKey
from simpul.protocol.proofs import RangeTree, manifest_of
from simpul.protocol.release import Packed, Part
from tests.unit.protocol.parties import ARUNIKA, BOREALIA, CENDARA, NOW, REALM, drawn, tale

BODIES = [b"sheet", b"portion", *(f'{{"id":"note--{n}"}}'.encode() for n in range(9))]
TOLD = tale(BODIES)


@settings(max_examples=60)
@given(st.integers(1, 70), st.data())
def test_any_leaf_of_any_part_gets_the_path_that_the_whole_tree_gives(
    count: int, data: st.DataObject
) -> None:
    hashes = drawn(f"leaves {count}", 32 * manifest.padded(count))
    tree = manifest.Tree(hashes)
    start = data.draw(st.integers(0, count - 1))
    stop = data.draw(st.integers(start + 1, count))
    part = RangeTree(tree.leaves, start, hashes[32 * start : 32 * stop], tree.path(start, stop))
    for position in range(start, stop):
        assert part.path(position) == tree.path(position, position + 1)
    for outside in (start - 1, stop):
        with pytest.raises(ValueError, match="not in this part"):
            part.path(outside)


def proof_of(position: int, grant: bytes = b"") -> Proof:
    return TOLD.proof(position, grant)


def granted(**changes: Any) -> bytes:
    stated = Grant(
        request=drawn("request"),
        originator=ARUNIKA.party,
        grantee=BOREALIA.party,
        beneficiary=CENDARA.party,
        leaves=(Leaves(root=TOLD.tree.root, positions=(3,)),),
        rendition=b"",
        purpose="counter-proliferation",
        obligations=(),
        onward=Onward(none=True),
        agreement=drawn("agreement"),
        not_after=NOW + 1,
        repeated=False,
        at=NOW,
    )
    return sign(GRANT, REALM, encode_grant(replace(stated, **changes)), ARUNIKA.signing).encode()


def passed_on(*passed: tuple[Proof, bytes]) -> Packed:
    """A part of Borealia's: its own sheet, narrative and object, and what it passes on."""
    bodies = [b"ours", b"text", b'{"id":"note--own"}', *(body for _, body in passed)]
    proofs = {position: proof for position, (proof, _) in enumerate(passed, 3)}
    return tale(bodies, name="passed", author=BOREALIA, passed=proofs).pack()


def author(document: Document, party: str) -> PublicKey | None:
    del document
    return ARUNIKA.signing.public if party == ARUNIKA.party else None


def read(packed: Packed, author: proofs.AuthorKey = author) -> Part:
    unpacked = release.unpack(packed.payload, packed.length, REALM)
    return release.prove(unpacked, BOREALIA.signing.public, author)


def test_what_is_passed_on_reads_back_with_its_authors_manifest() -> None:
    grant = granted()
    part = read(passed_on((proof_of(3, grant), BODIES[3]), (proof_of(5), BODIES[5])))
    assert [entry.kind for entry in part.entries] == [SHEET, PORTION, OBJECT, PASSED, PASSED]
    first, second = (entry.passed for entry in part.entries[3:])
    assert first is not None
    assert second is not None
    assert (first.proof, second.proof) == (proof_of(3, grant), proof_of(5))
    assert (first.originator, first.manifest, first.verified) == (ARUNIKA.party, TOLD.manifest, True)
    assert first.grant is not None
    assert first.grant.covers(TOLD.tree.root, 3)
    assert second.grant is None
    assert part.hashes == b"".join(manifest.leaf_hash(e.salt, e.kind, e.label, e.body) for e in part.entries)


def test_a_document_goes_once_however_many_entries_need_it() -> None:
    one = passed_on((proof_of(3), BODIES[3]))
    six = passed_on(*((proof_of(n), BODIES[n]) for n in range(3, 9)))
    assert len(six.payload) < len(one.payload) + len(proof_of(3).manifest)


def test_no_frame_mixes_two_originators_under_one_label() -> None:
    import zstandard

    packed = passed_on((proof_of(3), BODIES[3]), (proof_of(4), BODIES[4]), (proof_of(5), BODIES[5]))
    frames = [b"ours" + b'{"id":"note--own"}', b"text", BODIES[3] + BODIES[5], BODIES[4]]
    sizes = [zstandard.frame_content_size(part) for part in _frames(packed)]
    assert sizes == [len(frame) for frame in frames]


def _frames(packed: Packed) -> list[bytes]:
    magic = b"\x28\xb5\x2f\xfd"
    found = packed.payload.split(magic)[1:]
    return [magic + each for each in found]


def test_without_a_card_of_the_author_nothing_is_verified_and_nothing_refused() -> None:
    part = read(passed_on((proof_of(3, granted()), BODIES[3])), proofs.no_author)
    (passed,) = [entry.passed for entry in part.entries if entry.passed]
    assert not passed.verified


@pytest.mark.parametrize(
    "change",
    [
        {"salt": drawn("another salt")},
        {"position": 4},
        {"label": TOLD.leaves[4][0].label},
        {"path": (drawn("other"), *TOLD.tree.path(3, 4)[1:])},
    ],
)
def test_an_edited_proof_is_unproven(change: dict[str, Any]) -> None:
    with pytest.raises(Unproven):
        read(passed_on((replace(proof_of(3), **change), BODIES[3])))


def test_an_edited_body_is_unproven_even_without_a_card() -> None:
    with pytest.raises(Unproven):
        read(passed_on((proof_of(3), BODIES[3] + b" ")), proofs.no_author)


def test_narrative_is_not_passed_on_as_an_object() -> None:
    with pytest.raises(Malformed):
        read(passed_on((proof_of(1), BODIES[1])))


def test_a_manifest_or_grant_that_its_author_did_not_sign_is_refused() -> None:
    def another(document: Document, party: str) -> PublicKey:
        del document, party
        return CENDARA.signing.public

    with pytest.raises(BadSignature):
        read(passed_on((proof_of(3), BODIES[3])), another)


def test_a_grant_of_another_party_and_ones_own_words_are_misdirected() -> None:
    with pytest.raises(Misdirected):
        read(passed_on((proof_of(3, granted(originator=CENDARA.party, beneficiary="c3" * 25)), BODIES[3])))
    unpacked = release.unpack(*_sized(passed_on((proof_of(3), BODIES[3]))), REALM)
    passed = [(entry.passed, entry.body) for entry in unpacked.entries if entry.passed]
    with pytest.raises(Misdirected):
        proofs.prove_passed(passed, ARUNIKA.party, author)


def _sized(packed: Packed) -> tuple[bytes, int]:
    return packed.payload, packed.length


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"documents":1', b'"documents":0'),
        (b'"documents":1', b'"documents":2'),
        (b"[0,2,3,1,null]", b"[1,2,3,1,null]"),
        (b"[0,2,3,1,null]", b"[0,3,3,1,null]"),
        (b"[0,2,3,1,null]", b"[0,2,9,9,null]"),
        (b"[0,2,3,1,null]", b"[0,2,-1,1,null]"[:14]),
        (b"[0,2,3,1,null]", b"[0,2,3,1,0000]"),
    ],
)
def test_a_table_out_of_range_is_malformed(old: bytes, new: bytes) -> None:
    packed = passed_on((proof_of(3), BODIES[3]))
    assert packed.payload.count(old) == 1
    with pytest.raises(Malformed):
        release.unpack(packed.payload.replace(old, new), packed.length, REALM)


def test_a_document_that_no_entry_needs_is_malformed() -> None:
    packed = passed_on((proof_of(3, granted()), BODIES[3]))
    old, new = b"[0,2,3,1,1]", b"[0,2,3,1,0]"
    assert packed.payload.count(old) == 1
    with pytest.raises(Malformed):
        release.unpack(packed.payload.replace(old, new), packed.length, REALM)


def test_every_truncation_is_malformed() -> None:
    packed = passed_on((proof_of(3, granted()), BODIES[3]), (proof_of(5), BODIES[5]))
    for length in range(0, len(packed.payload), 97):
        with pytest.raises(Malformed):
            release.unpack(packed.payload[:length], packed.length, REALM)


def test_a_part_is_closed_before_its_documents_are_too_many() -> None:
    documents = [bytes([n]) * (proofs.ATTACHED_BYTES // 2) for n in range(4)]
    needed = {n: (documents[n // 2],) for n in range(8)}
    assert release.ranges([10] * 8, attached=needed) == [(0, 4), (4, 8)]


def test_the_manifest_of_another_realm_is_misdirected() -> None:
    with pytest.raises(Misdirected):
        manifest_of(TOLD.document.encode(), "exercise-1")
