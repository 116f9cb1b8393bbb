"""Places in a decoded object: STIX selectors (STIX 2.1 §7.2.3.1), paths, and an object without some of its places.

A selector and the path it stands for:

labels.[1]                           ("labels", 1)
external_references.[0].source_name  ("external_references", 0, "source_name")
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of an object."""

_INDEX: Final = re.compile(r"\[([0-9]{1,9})\]")

_Tree = dict[str | int, "_Tree | None"]
"""Places as a tree; None is a place that goes with all below it."""


def selector_of(path: Path) -> str:
    """The selector that names a path."""
    return ".".join(f"[{step}]" if isinstance(step, int) else step for step in path)


def places(selector: str, value: Mapping[str, Any]) -> Iterator[Path]:
    """Every path that a selector may mean in an object; more than one only where keys have dots in them."""
    return _places(selector.split("."), value)


def resolve(selector: str, value: Mapping[str, Any]) -> Path | None:
    """The path of what a selector selects in an object, or None if it selects nothing."""
    return next(places(selector, value), None)


def _places(steps: list[str], value: Any) -> Iterator[Path]:
    if not steps:
        yield ()
    elif isinstance(value, list):
        index = _INDEX.fullmatch(steps[0])
        if index is not None and int(index[1]) < len(value):
            for rest in _places(steps[1:], value[int(index[1])]):
                yield (int(index[1]), *rest)
    elif isinstance(value, Mapping):
        for length in range(1, len(steps) + 1):
            key = ".".join(steps[:length])
            if key in value:
                for rest in _places(steps[length:], value[key]):
                    yield (key, *rest)


def covered(path: Path, removed: Collection[Path]) -> bool:
    """Whether the place, or one that it lies in, is among those removed."""
    return any(path[:length] in removed for length in range(1, len(path) + 1))


def without(value: Mapping[str, Any], removed: Collection[Path]) -> dict[str, Any]:
    """The object without the places in `removed`; the order of what remains is kept.

    A list that becomes empty goes too, and so does a dictionary that is a property of the object itself. Selectors in
    `granular_markings` follow: those to what is gone go, and indexes are counted anew.
    """
    tree = _tree(removed)
    pruned: dict[str, Any] = {}
    for key, inner in value.items():
        if key not in tree:
            pruned[key] = inner
            continue
        branch = tree[key]
        kept = None if branch is None else _pruned(inner, branch)
        if kept:
            pruned[key] = kept
    markings = value.get("granular_markings")
    if "granular_markings" in pruned and isinstance(markings, list):
        followed = [_followed(entry, value, tree, pruned) for entry in markings]
        pruned["granular_markings"] = [entry for entry in followed if entry is not None]
        if not pruned["granular_markings"]:
            del pruned["granular_markings"]
    return pruned


def _tree(paths: Collection[Path]) -> _Tree:
    tree: _Tree = {}
    for path in sorted(paths, key=len):
        branch: _Tree | None = tree
        for step in path[:-1]:
            if branch is None:
                break
            branch = branch.setdefault(step, {})
        if branch is not None:
            branch[path[-1]] = None
    return tree


def _pruned(value: Any, tree: _Tree) -> Any:
    if isinstance(value, list):
        return [
            _pruned(inner, branch) if branch else inner
            for index, inner in enumerate(value)
            if (branch := tree.get(index, _KEPT)) is not None
        ]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for key, inner in value.items():
        branch = tree.get(key, _KEPT)
        if branch is None:
            continue
        kept[key] = _pruned(inner, branch) if branch else inner
        if kept[key] == [] and inner != []:
            del kept[key]
    return kept


_KEPT: Final[_Tree] = {}


def _followed(entry: Any, value: Mapping[str, Any], tree: _Tree, pruned: Mapping[str, Any]) -> Any:
    """A granular marking as it stands after the cut, or None if nothing that it marks is left."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("selectors"), list):
        return None
    selectors = [_moved(selector, value, tree, pruned) for selector in entry["selectors"]]
    left = [selector for selector in selectors if selector is not None]
    return {**entry, "selectors": left} if left else None


def _moved(selector: Any, value: Mapping[str, Any], tree: _Tree, pruned: Mapping[str, Any]) -> str | None:
    """The selector as it reads after the cut, or None if what it selected is gone."""
    path = resolve(selector, value) if isinstance(selector, str) else None
    if path is None or path[0] == "granular_markings":
        return None
    branch: _Tree = tree
    steps: list[str | int] = []
    for step in path:
        here = branch.get(step, _KEPT)
        if here is None:
            return None
        steps.append(step - _gone_before(step, branch) if isinstance(step, int) else step)
        branch = here
    moved = selector_of(tuple(steps))
    return moved if resolve(moved, pruned) is not None else None


def _gone_before(index: int, branch: _Tree) -> int:
    return sum(
        1 for other, below in branch.items() if isinstance(other, int) and other < index and below is None
    )
