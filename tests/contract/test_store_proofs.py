"""Proofs: whose words a stored object is, from the part in which it came, or as it came; and what goes with a release."""

from __future__ import annotations

import msgspec
import pytest

from simpul.domain.mail import InboxItem
from simpul.domain.objects import Marked
from simpul.domain.releases import OBJECT, PASSED, Proof, ReceivedLeaf, ReleaseLeaf
from simpul.errors import NotFound
from simpul.ports import Store
from simpul.protocol.documents import Document, parse_document
from simpul.protocol.labels import label_hash, to_wire
from simpul.protocol.manifest import (
    KIND,
    Manifest,
    Tree,
    decode_manifest,
    encode_manifest,
    leaf_hash,
    pad,
    padded,
)
from simpul.protocol.proofs import check_leaf
from tests.contract.stored_things import AMBER, HERE, inbox_item, key_of, marked, release

THERE = "b" * 50


def came_in(count: int = 5, parts: int = 2) -> tuple[InboxItem, Tree, list[ReceivedLeaf], list[Marked]]:
    """A product of some objects, as its sender signed it: its item, tree, leaves, and the objects."""
    objects = [marked(n, originator=THERE) for n in range(count)]
    salts = [bytes([n]) * 32 for n in range(count)]
    hashes = [leaf_hash(salts[n], OBJECT, label_hash(AMBER), o.object.raw) for n, o in enumerate(objects)]
    tree = Tree(pad(b"".join(hashes), b"p" * 32 * (padded(count) - count)))
    stated = Manifest(
        product="product--1",
        version=1,
        originator=THERE,
        labels=(to_wire(AMBER),),
        obligations=(),
        agreement=bytes(32),
        purpose="p",
        precedence="routine",
        size=1,
        entries=count,
        leaves=tree.leaves,
        parts=parts,
        root=tree.root,
        created=5,
    )
    document = Document(kind=KIND, realm="live", payload=encode_manifest(stated), signatures=())
    leaves = [
        ReceivedLeaf(
            position=n,
            kind=OBJECT,
            salt=salts[n],
            label=label_hash(AMBER),
            hash=hashes[n],
            key=key_of(each),
        )
        for n, each in enumerate(objects)
    ]
    item = inbox_item(parts=parts, root=tree.root, manifest=document.encode())
    return item, tree, leaves, objects


def test_every_stored_object_is_proven_from_the_part_in_which_it_came(store: Store) -> None:
    item, tree, leaves, objects = came_in()
    with store.write() as unit:
        unit.objects.add(objects, source=THERE, at=1)
        unit.mail.add_part(item, 1, leaves[3:], tree.path(3, 5))
        unit.mail.add_part(item, 0, leaves[:3], tree.path(0, 3))
    with store.read() as unit:
        for n, each in enumerate(objects):
            (proof,) = unit.mail.proofs(key_of(each))
            assert (proof.position, proof.manifest) == (n, item.manifest)
            check_leaf(proof, decode_manifest(parse_document(proof.manifest).payload), each.object.raw)
        assert unit.mail.tied(item) == [(n, key_of(each)) for n, each in enumerate(objects)]
        assert unit.mail.proofs(key_of(marked(99))) == []


def test_what_is_stored_later_is_tied_to_its_leaf(store: Store) -> None:
    item, tree, leaves, objects = came_in()
    with store.write() as unit:
        untied = [msgspec.structs.replace(each, key=None) for each in leaves]
        unit.mail.add_part(item, 0, untied, tree.path(0, 5))
        assert unit.mail.tied(item) == []
        unit.objects.add(objects[2:3], source=THERE, at=1)
        assert unit.mail.proofs(key_of(objects[2])) == []
        unit.mail.tie(item, [(2, key_of(objects[2]))])
        assert [proof.position for proof in unit.mail.proofs(key_of(objects[2]))] == [2]
        with pytest.raises(NotFound):
            unit.mail.tie(msgspec.structs.replace(item, root=b"x" * 32), [])


def test_a_proof_that_came_with_an_object_is_kept_as_it_came(store: Store) -> None:
    proof = Proof(
        manifest=b"their manifest",
        kind=OBJECT,
        position=9,
        salt=b"s" * 32,
        label=b"l" * 32,
        path=(b"a" * 32, b"b" * 32),
        grant=b"their grant",
    )
    bare = msgspec.structs.replace(proof, position=10, grant=b"", path=())
    item, tree, leaves, objects = came_in()
    passed = [
        msgspec.structs.replace(leaf, kind=PASSED, proof=each)
        for leaf, each in zip(leaves[:2], (proof, bare), strict=True)
    ]
    with store.write() as unit:
        unit.objects.add(objects, source=HERE, at=1)
        unit.mail.add_part(item, 0, [*passed, *leaves[2:]], tree.path(0, 5))
    with store.read() as unit:
        assert unit.mail.came_with(item, [0, 1, 2]) == [proof, bare]
        assert unit.mail.proofs(key_of(objects[0])) == [proof]


def test_a_release_keeps_the_proofs_and_grants_that_go_with_it(store: Store) -> None:
    proof = Proof(
        manifest=b"their manifest",
        kind=OBJECT,
        position=9,
        salt=b"s" * 32,
        label=b"l" * 32,
        path=(b"a" * 32,),
        grant=b"their grant",
    )
    leaf = ReleaseLeaf(
        position=0,
        kind=PASSED,
        key=key_of(marked(1, originator=THERE)),
        number=0,
        body=None,
        label=bytes(32),
        salt=bytes(32),
        hash=bytes(32),
        proof=proof,
    )
    with store.write() as unit:
        unit.objects.add([marked(1, originator=THERE), marked(2)], source=HERE, at=1)
        unit.products.add_release(release())
        own = msgspec.structs.replace(leaf, position=1, kind=OBJECT, key=key_of(marked(2)), proof=None)
        unit.products.add_leaves(release().id, [leaf, own])
    with store.read() as unit:
        assert [each.proof for each, _ in unit.products.leaves(release().id, 0, 2)] == [proof, None]
        assert unit.products.consents(release().id) == [b"their grant"]
