"""Small STIX objects and label files for the stories, in the fictional case's words and documentation ranges."""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

WHEN = "2026-01-10T08:00:00.000Z"
SPACE = uuid5(NAMESPACE_URL, "https://simpul.example.org/tests/federation")


def stix(type: str, key: str, **properties: Any) -> dict[str, Any]:
    """An object whose id follows from its type and a key."""
    head = {
        "type": type,
        "spec_version": "2.1",
        "id": f"{type}--{uuid5(SPACE, f'{type} {key}')}",
        "created": WHEN,
        "modified": WHEN,
    }
    return head | properties


def indicator(key: str, address: str, **properties: Any) -> dict[str, Any]:
    """An indicator of one IPv4 address."""
    return stix(
        "indicator",
        key,
        name=f"server {key}",
        pattern=f"[ipv4-addr:value = '{address}']",
        pattern_type="stix",
        valid_from=WHEN,
        **properties,
    )


def note(key: str, content: str, *about: dict[str, Any]) -> dict[str, Any]:
    """A note about objects."""
    return stix("note", key, content=content, object_refs=[each["id"] for each in about])


def bundle(*objects: dict[str, Any]) -> bytes:
    """A bundle's bytes."""
    head = {"type": "bundle", "id": f"bundle--{uuid5(SPACE, json.dumps([o['id'] for o in objects]))}"}
    return json.dumps(head | {"objects": list(objects)}).encode()


def label(
    *to: str,
    tlp: str = "green",
    topics: tuple[str, ...] = ("cyber",),
    onward: str = "consent",
    purposes: tuple[str, ...] = ("cyber-defence",),
    more: str = "",
) -> str:
    """A label file for the named parties."""
    return (
        f"tlp = {json.dumps(tlp)}\nreleasable_to = {json.dumps(list(to))}\npurposes = {json.dumps(list(purposes))}\n"
        f"topics = {json.dumps(list(topics))}\nonward = {json.dumps(onward)}\n{more}"
    )


def agreement(
    *parties: str,
    id: str = "",
    version: int = 1,
    topics: tuple[str, ...] = ("cyber", "radiological"),
    ceiling: str = "amber+strict",
    not_before: str = "2020-01-01T00:00:00Z",
    not_after: str = "2060-01-01T00:00:00Z",
    onward: str = "consent",
    more: str = "",
) -> str:
    """An agreement file between the named parties."""
    return (
        f"id = {json.dumps(id or '-'.join(parties).lower())}\nversion = {version}\ntitle = 'Exchange'\n"
        f"parties = {json.dumps(list(parties))}\npurposes = ['cyber-defence']\ntopics = {json.dumps(list(topics))}\n"
        f"tlp_ceiling = {json.dumps(ceiling)}\nonward = {json.dumps(onward)}\nretention_days = 365\n"
        f"obligations = ['protect as own']\nnot_before = {not_before}\nnot_after = {not_after}\n{more}"
    )
