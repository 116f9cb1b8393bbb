"""Law 2 on small graphs: nothing that goes names what does not, and the order of things plays no part."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.cutting import CUTTING_CLAUSES, Candidate, Settled, cut, is_clear, mentions, settle
from simpul.domain.objects import Foreign
from simpul.domain.references import is_whole
from simpul.domain.selectors import resolve
from simpul.formats.stix import to_object
from tests.properties.stix_graphs import IDS, OUTSIDE, encoded, graphs, objects

granted_sets = st.frozensets(st.sampled_from([*IDS, OUTSIDE]))


def denials(value: dict[str, Any]) -> list[str]:
    return [s for entry in value.get("granular_markings", ()) for s in entry["selectors"]]


def released(
    graph: list[dict[str, Any]],
    granted: frozenset[str],
    denied: dict[str, list[str]],
    *,
    order: Random | None = None,
    escaped: bool = False,
) -> tuple[Settled, dict[str, bytes]]:
    """What would be sent: every object that goes, as decoded JSON, by id."""
    raws = {value["id"]: encoded(value, escaped=escaped) for value in graph}
    candidates = [
        Candidate(key=own, id=own, ids=mentions(raw, own), denied=tuple(denied.get(own, ())))
        for own, raw in raws.items()
    ]
    if order is not None:
        order.shuffle(candidates)
    settled = settle(
        lambda: candidates, load=lambda key: msgspec.json.decode(raws[key]), granted=granted.__contains__
    )
    going: dict[str, bytes] = {}
    for candidate in candidates:
        if candidate.key in settled.withheld:
            continue
        if not candidate.denied and is_clear(candidate.ids, settled.granted):
            going[candidate.id] = raws[candidate.id]
            continue
        done = cut(msgspec.json.decode(raws[candidate.id]), granted=settled.granted, denied=candidate.denied)
        assert done.kept is not None
        going[candidate.id] = msgspec.json.encode(done.kept)
    return settled, going


def leaves(value: Any, path: str = "") -> Counter[tuple[str, Any]]:
    """Every scalar with its path, list indexes left out."""
    if isinstance(value, dict):
        return sum((leaves(inner, f"{path}.{key}") for key, inner in value.items()), Counter())
    if isinstance(value, list):
        return sum((leaves(inner, f"{path}[]") for inner in value), Counter())
    return Counter({(path, value): 1})


def problems(value: dict[str, Any]) -> set[str]:
    """What a reader of STIX finds wrong; the graphs let references point to objects of any type."""
    read = to_object(Foreign(index=0, raw=json.dumps(value).encode(), format="stix-2.1"))
    return {fault.problem for fault in read} if isinstance(read, list) else set()


def unmarked(value: dict[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key != "granular_markings"}


@settings(max_examples=150)
@given(graph=graphs(), granted=granted_sets, data=st.data(), escaped=st.booleans())
def test_no_released_byte_names_what_is_not_granted(
    graph: list[dict[str, Any]], granted: frozenset[str], data: st.DataObject, escaped: bool
) -> None:
    denied = {
        v["id"]: data.draw(st.lists(st.sampled_from(denials(v)), max_size=2)) for v in graph if denials(v)
    }
    settled, going = released(graph, granted, denied, escaped=escaped)
    allowed = settled.carried | granted
    assert set(going) == settled.carried
    for own, raw in going.items():
        text = json.dumps(json.loads(raw), ensure_ascii=False)
        for each in [*IDS, OUTSIDE]:
            assert each == own or each in allowed or each not in text
        assert mentions(raw, own) <= allowed


@settings(max_examples=150)
@given(graph=graphs(), granted=granted_sets, order=st.randoms(use_true_random=False), data=st.data())
def test_what_goes_does_not_depend_on_the_order_of_candidates(
    graph: list[dict[str, Any]], granted: frozenset[str], order: Random, data: st.DataObject
) -> None:
    denied = {
        v["id"]: data.draw(st.lists(st.sampled_from(denials(v)), max_size=2)) for v in graph if denials(v)
    }
    one, going = released(graph, granted, denied)
    other, again = released(graph, granted, denied, order=order)
    assert one.withheld == other.withheld
    assert going == again
    assert set(one.withheld.values()) <= set(CUTTING_CLAUSES)


@settings(max_examples=200)
@given(data=st.data(), number=st.integers(0, len(IDS) - 1), granted=granted_sets)
def test_what_is_left_is_whole_and_its_selectors_select_what_they_selected(
    data: st.DataObject, number: int, granted: frozenset[str]
) -> None:
    value = data.draw(objects(number))
    selectors = denials(value)
    denied = data.draw(st.lists(st.sampled_from(selectors), max_size=2)) if selectors else []
    before = json.dumps(value)
    done = cut(value, granted=granted.__contains__, denied=denied)
    assert json.dumps(value) == before
    if done.kept is None:
        assert done.withheld
        return
    kept = done.kept
    assert is_whole(kept)
    assert problems(kept) <= problems(value)
    assert leaves(unmarked(kept)) <= leaves(unmarked(value))
    assert [key for key in value if key in kept] == list(kept)
    assert kept.get("object_marking_refs") == value.get("object_marking_refs")
    if done.removed:
        for entry in kept.get("granular_markings", ()):
            assert entry["selectors"]
            for selector in entry["selectors"]:
                assert resolve(selector, kept) is not None
        assert markings_by_leaf(kept) <= markings_by_leaf(value)
    else:
        assert kept is value


def markings_by_leaf(value: dict[str, Any]) -> Counter[tuple[str, Any, frozenset[str]]]:
    """Every scalar with all the markings that reach it: a cut must not take a marking off anything that stays."""
    reached: dict[tuple[str | int, ...], set[str]] = {}
    for entry in value.get("granular_markings", ()):
        for selector in entry["selectors"]:
            path = resolve(selector, value)
            assert path is not None
            reached.setdefault(path, set()).add(entry["marking_ref"])

    def walk(inner: Any, path: tuple[str | int, ...], borne: frozenset[str]) -> Counter[Any]:
        borne |= reached.get(path, set())
        if isinstance(inner, dict):
            return sum((walk(v, (*path, k), borne) for k, v in inner.items()), Counter())
        if isinstance(inner, list):
            return sum((walk(v, (*path, k), borne) for k, v in enumerate(inner)), Counter())
        shape = ".".join("[]" if isinstance(step, int) else step for step in path)
        return Counter({(shape, inner, borne): 1})

    return walk(unmarked(value), (), frozenset())


@settings(max_examples=150)
@given(graph=graphs(), granted=granted_sets, fewer=granted_sets, data=st.data())
def test_granting_less_or_denying_more_never_adds_an_object_a_property_or_a_value(
    graph: list[dict[str, Any]], granted: frozenset[str], fewer: frozenset[str], data: st.DataObject
) -> None:
    more = {
        v["id"]: data.draw(st.lists(st.sampled_from(denials(v)), max_size=3)) for v in graph if denials(v)
    }
    some = {own: selectors[:1] for own, selectors in more.items()}
    _, before = released(graph, granted, some)
    _, after = released(graph, granted & fewer, more)
    assert set(after) <= set(before)
    for own, raw in after.items():
        assert leaves(unmarked(json.loads(raw))) <= leaves(unmarked(json.loads(before[own])))


@settings(max_examples=60)
@given(graph=graphs(), granted=granted_sets, left_out=st.sampled_from(IDS))
def test_leaving_an_object_out_never_adds_another(
    graph: list[dict[str, Any]], granted: frozenset[str], left_out: str
) -> None:
    _, before = released(graph, granted, {})
    _, after = released([v for v in graph if v["id"] != left_out], granted - {left_out}, {})
    assert set(after) <= set(before)
    for own, raw in after.items():
        assert leaves(unmarked(json.loads(raw))) <= leaves(unmarked(json.loads(before[own])))


@settings(max_examples=100)
@given(data=st.data(), number=st.integers(0, len(IDS) - 1), escaped=st.booleans())
def test_ids_are_found_in_bytes_however_they_are_written(
    data: st.DataObject, number: int, escaped: bool
) -> None:
    value = data.draw(objects(number))
    found = mentions(encoded(value, escaped=escaped), value["id"])
    assert found == mentions(json.dumps(value, indent=2).encode(), value["id"])
    text = json.dumps(value, ensure_ascii=False)
    for each in [*IDS, OUTSIDE]:
        if f'"{each}"' in text and each != value["id"]:
            assert each in found
