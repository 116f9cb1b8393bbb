"""Products, the objects they carry, releases, approvals, and what was granted to whom."""

from __future__ import annotations

import msgspec
import pytest

from simpul.domain.products import Approval
from simpul.domain.queries import EVERYTHING, HOME, Query
from simpul.domain.releases import MOVES, OBJECT, SHEET, ReleaseLeaf, ReleaseState
from simpul.errors import ApprovalRefusal, InputFault, NotFound
from simpul.ports import Store
from tests.contract.stored_things import (
    AMBER,
    GREEN,
    HERE,
    RED,
    THERE,
    key_of,
    marked,
    product,
    release,
    stix_id,
)

PRODUCT = product().id


def test_a_product_carries_the_latest_of_what_fits_and_what_is_named(store: Store) -> None:
    batch = [marked(1, version=1, text="vessel"), marked(1, version=2, text="vessel"), marked(2), marked(3)]
    with store.write() as unit:
        unit.objects.add(batch, source=HERE, at=1)
        keys = [key_of(batch[3]), key_of(batch[1])]
        assert unit.products.add(product(), Query(words=("vessel",)), keys) == 2
        assert unit.products.add(product(version=2), EVERYTHING, []) == 3
        assert unit.products.add(product(version=3), None, [key_of(batch[0])]) == 1
    with store.read() as unit:
        members = list(unit.products.members(PRODUCT, 1))
        assert [(head.key, raw) for head, raw in members] == [
            (key_of(each), each.object.raw) for each in (batch[1], batch[3])
        ]
        assert list(unit.products.members(PRODUCT, 1)) == members
        assert unit.products.product(PRODUCT) == msgspec.structs.replace(product(version=3), objects=1)
        assert unit.products.product(PRODUCT, 1).objects == 2


def test_a_version_is_never_changed(store: Store) -> None:
    with store.write() as unit:
        unit.products.add(product(), None, [])
        with pytest.raises(InputFault):
            unit.products.add(product(), None, [])


def test_products_are_listed_by_their_newest_version(store: Store) -> None:
    with store.write() as unit:
        for each in (product(1), product(2), product(1, 2)):
            unit.products.add(each, None, [])
    with store.read() as unit:
        listed = [(each.id, each.version) for each in unit.products.products()]
        assert listed == [(stix_id(1, "product"), 2), (stix_id(2, "product"), 1)]


def test_what_is_not_here_is_not_found(store: Store) -> None:
    with store.write() as unit:
        for ask in (
            lambda: unit.products.product(PRODUCT),
            lambda: unit.products.product(PRODUCT, 7),
            lambda: list(unit.products.members(PRODUCT, 1)),
            lambda: unit.products.release_by_id(bytes(16)),
            lambda: unit.products.leaves(bytes(16), 0, 1),
            lambda: unit.products.update_release(release()),
            lambda: unit.products.add(product(), None, [key_of(marked(1))]),
        ):
            with pytest.raises(NotFound):
                ask()
        assert unit.products.release(PRODUCT, 1, THERE) is None


def test_the_digest_of_labels_changes_when_any_portion_is_marked_anew(store: Store) -> None:
    batch = [marked(1, GREEN, AMBER), marked(2), marked(3)]
    with store.write() as unit:
        unit.objects.add(batch, source=HERE, at=1)
        unit.products.add(product(), None, [key_of(batch[0]), key_of(batch[1])])
        first = unit.products.labels_digest(PRODUCT, 1)
        unit.objects.relabel([(key_of(batch[2]), (RED,))])
        assert unit.products.labels_digest(PRODUCT, 1) == first
        unit.objects.relabel([(key_of(batch[0]), (GREEN, RED))])
        second = unit.products.labels_digest(PRODUCT, 1)
        unit.objects.relabel([(key_of(batch[1]), (AMBER,))])
        assert len({first, second, unit.products.labels_digest(PRODUCT, 1)}) == 3


def test_a_new_release_voids_the_unreleased_one_before_it(store: Store) -> None:
    with store.write() as unit:
        unit.products.add_release(release(1))
        unit.products.add_release(release(2, recipient="c" * 50))
        unit.products.add_release(release(3))
        unit.products.update_release(release(3, state=ReleaseState.APPROVED))
        unit.products.update_release(
            release(3, state=ReleaseState.RELEASED, signed=b"s", approved_at=6, released_at=7)
        )
        unit.products.add_release(release(4))
    with store.read() as unit:
        states = [(int.from_bytes(each.id, "big"), each.state) for each in unit.products.releases()]
        assert states == [(4, "fixed"), (3, "released"), (2, "fixed"), (1, "void")]
        assert unit.products.release(PRODUCT, 1, THERE) == release(4)
        assert unit.products.release_by_id(release(3).id).signed == b"s"


def test_an_update_changes_only_what_a_release_may_change(store: Store) -> None:
    with store.write() as unit:
        unit.products.add_release(release(1))
        unit.products.update_release(
            release(1, state=ReleaseState.APPROVED, approved_at=9, root=b"r" * 32, objects=99)
        )
        assert unit.products.release_by_id(release(1).id) == release(
            1, state=ReleaseState.APPROVED, approved_at=9
        )


@pytest.mark.parametrize("came", ReleaseState)
@pytest.mark.parametrize("goes", ReleaseState)
def test_a_release_moves_only_as_its_table_says(store: Store, came: ReleaseState, goes: ReleaseState) -> None:
    with store.write() as unit:
        unit.products.add_release(release(1, state=came))
        if goes is came or goes in MOVES[came]:
            unit.products.update_release(release(1, state=goes))
            assert unit.products.release_by_id(release(1).id).state is goes
        else:
            with pytest.raises(ApprovalRefusal):
                unit.products.update_release(release(1, state=goes))
            assert unit.products.release_by_id(release(1).id).state is came


def leaf(position: int, *, body: bytes | None = None, of: int | None = None) -> ReleaseLeaf:
    return ReleaseLeaf(
        position=position,
        kind=SHEET if of is None else OBJECT,
        key=None if of is None else key_of(marked(of)),
        number=0,
        body=body,
        label=bytes(32),
        salt=bytes([position]) * 32,
        hash=bytes([position + 1]) * 32,
    )


def test_leaves_come_by_position_with_the_bytes_they_stand_for(store: Store) -> None:
    leaves = [leaf(2, of=1), leaf(0, body=b"the sheet"), leaf(3, body=b"cut", of=2)]
    with store.write() as unit:
        unit.objects.add([marked(1), marked(2)], source=HERE, at=1)
        unit.products.add_release(release())
        unit.products.add_leaves(release().id, leaves[:2])
        unit.products.add_leaves(release().id, leaves[2:])
        unit.products.set_leaf_hashes(release().id, b"h" * 128)
        with pytest.raises(NotFound):
            unit.products.add_leaves(release().id, [leaf(1, of=9)])
    with store.read() as unit:
        raw = marked(1).object.raw
        assert unit.products.leaves(release().id, 0, 3) == [(leaves[1], b"the sheet"), (leaves[0], raw)]
        assert unit.products.leaves(release().id, 3, 4) == [(leaves[2], b"cut")]
        assert unit.products.leaf_hashes(release().id) == b"h" * 128


def test_only_what_was_released_to_a_party_is_granted_to_it(store: Store) -> None:
    ids = [stix_id(1), stix_id(2), stix_id(3), "elsewhere"]
    with store.write() as unit:
        unit.objects.add([marked(1), marked(2)], source=HERE, at=1)
        unit.products.add_release(release(1))
        unit.products.add_leaves(release(1).id, [leaf(0, of=1)])
        assert unit.products.granted(THERE, ids) == set()
        unit.products.update_release(release(1, state=ReleaseState.APPROVED))
        unit.products.update_release(release(1, state=ReleaseState.RELEASED))
        unit.products.add_release(release(2))
        unit.products.add_leaves(release(2).id, [leaf(0, of=2)])
        assert unit.products.granted(THERE, ids) == {stix_id(1)}
        assert unit.products.granted("c" * 50, ids) == set()


def test_the_same_user_approving_twice_counts_once(store: Store) -> None:
    def approval(user: str, at: int) -> Approval:
        return Approval(user=user, key=b"k", statement=b"s", signatures=(b"1", b"2"), at=at)

    with store.write() as unit:
        unit.products.add_release(release())
        for each in (approval("sari", 1), approval("budi", 2), approval("sari", 3)):
            unit.products.add_approval(release().id, each)
    with store.read() as unit:
        assert unit.products.approvals(release().id) == [approval("sari", 1), approval("budi", 2)]


def test_members_and_counts_survive_an_object_that_is_superseded_later(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(1, version=1)], source=HERE, at=1)
        unit.products.add(product(), EVERYTHING, [])
        unit.objects.add([marked(1, version=2)], source=HERE, at=2)
    with store.read() as unit:
        assert [head.key.version for head, _ in unit.products.members(PRODUCT, 1)] == [1]
        assert unit.objects.count(HOME, EVERYTHING) == 2
