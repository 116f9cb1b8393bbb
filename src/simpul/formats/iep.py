"""FIRST Information Exchange Policy 2.0: a policy document to and from a label, and the STIX 2.1 marking that carries one.

    read_policy(data)        the JSON of one policy → a label, and what of the policy has no place in a label
    write_policy(label, …)   a label → the JSON of a policy, and what of the label has no place in a policy
    read_marking(inner)      what stands under the IEP extension of a marking-definition → the restriction, or None

A policy permits what it says *may* be done; what it forbids or demands becomes an obligation that travels. What a policy
does not speak of (recipients, purposes, passing on) it does not permit: a label read from it is completed by its owner.
An IEP says less than a label, so that what is written is never wider in what it can say, and every loss is listed (law 3).

Sources: FIRST, IEP 2.0 Framework Definition; OASIS CTI common objects, "IEP Marking Definition Version 2.0 for STIX 2.1"
(draft of 19 December 2022). docs/reference/iep.md has the tables.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from simpul.domain.labels import LAST_INSTANT, NEUTRAL, Label, Tlp
from simpul.domain.objects import Loss
from simpul.errors import SyntaxFault, TooLarge
from simpul.formats import strictjson
from simpul.formats.label_extension import label_definition
from simpul.formats.term_tables import Table, TextTable

IEP_EXTENSION: Final = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
POLICY_LIMIT: Final = 64 * 1024
"""Bytes of one policy, at most: many times what people write."""

_VERSION: Final = 2.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

ACTIONS: Final = {
    "none": "action: none",
    "contact-for-instruction": "action: ask the originator first",
    "internally-visible-actions": "action: internal only",
    "externally-visible-indirect-actions": "action: not visible to the adversary",
    "externally-visible-direct-actions": None,
}
"""`permitted_actions` from closed to open, each with the obligation that says it; any action needs none."""

_DEMANDS: Final[dict[str, dict[str, str | None]]] = {
    "encrypt_in_transit": {"must": "encrypt: in transit", "may": None},
    "affected_party_notifications": {"must-not": "notify: no affected party", "may": None},
    "attribution": {"must": "attribute: the provider", "must-not": "attribute: nobody", "may": None},
    "unmodified_resale": {"must-not": "resale: not unmodified", "may": None},
}
"""The other fields: each value with the obligation that says it; the last one needs none."""

_TLP: Final = {Tlp.CLEAR: "white", Tlp.GREEN: "green", Tlp.AMBER: "amber", Tlp.RED: "red"}
"""IEP 2.0 knows the levels of TLP 1.0."""


class Written(Struct, frozen=True, kw_only=True):
    """A policy as JSON, and what of the label it does not say."""

    policy: dict[str, Any]
    losses: tuple[Loss, ...]


class Read(Struct, frozen=True, kw_only=True):
    """What a policy restricts, as a label that its owner has not completed, and what of the policy it does not say."""

    label: Label
    losses: tuple[Loss, ...]


def read_policy(data: bytes, *, input: str = "policy") -> Read:
    """Read one IEP 2.0 policy.

    Raises:
        TooLarge: over `POLICY_LIMIT`.
        SyntaxFault: not one JSON object.
        InputFault: lists every fault; a field or value that IEP 2.0 does not know is one.
    """
    if len(data) > POLICY_LIMIT:
        raise TooLarge(f"a policy has at most {POLICY_LIMIT} bytes", input=input)
    value = strictjson.decode(data)
    if not isinstance(value, dict):
        found = strictjson.problems(data)
        why = f"{found[0].text} at byte {found[0].offset}" if found else "it is not one object"
        raise SyntaxFault(f"the file is not the JSON of a policy: {why}", input=input)
    table = TextTable(value, input=input)
    label = _policy(table)
    losses = tuple(_unplaced(table))
    table.finish("policy")
    return Read(label=label, losses=losses)


def write_policy(label: Label, *, name: str, start: int) -> Written:
    """The policy that says as much of a label as IEP 2.0 can.

    Args:
        label: what is exported. Labels that say the same give policies with the same id.
        name: for people.
        start: from when on the policy holds, microseconds UTC.
    """
    losses = list(_lost(label))
    action, left = _strictest_action(label.obligations)
    fields: dict[str, str] = {}
    for field, values in _DEMANDS.items():
        said = [value for value, duty in values.items() if duty in left]
        left -= {duty for duty in values.values() if duty}
        fields[field] = min(said, key=list(values).index) if said else list(values)[-1]
    losses += [_loss("obligations", f"no field for '{duty}'") for duty in sorted(left)]
    tlp = _TLP.get(Tlp.RED if label.tlp is None else label.tlp, "red")
    policy = {
        "id": str(uuid.uuid5(_POLICIES, label_definition(label)["id"])),
        "name": name,
        "description": "",
        "iep_version": _VERSION,
        "start_date": _text(start),
        "end_date": None if label.expires is None else _text(label.expires),
        "encrypt_in_transit": fields["encrypt_in_transit"],
        "permitted_actions": action,
        "affected_party_notifications": fields["affected_party_notifications"],
        "tlp": tlp,
        "attribution": fields["attribution"],
        "unmodified_resale": fields["unmodified_resale"],
        "external_reference": None,
    }
    return Written(policy=policy, losses=tuple(losses))


def encode_policy(policy: Mapping[str, Any]) -> bytes:
    """The policy as an indented JSON file."""
    return (json.dumps(policy, ensure_ascii=False, indent=2) + "\n").encode()


class _Carried(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands under the extension's key in a marking definition. All of it must be understood."""

    extension_type: Literal["property-extension"]
    encrypt_in_transit: Literal["must", "may"]
    permitted_actions: str
    affected_party_notifications: Literal["may", "must-not"]
    tlp: Literal["red", "amber", "green", "white"]
    provider_attribution: Literal["may", "must", "must-not"]
    unmodified_resale: Literal["may", "must-not"]
    iep_id: str
    iep_version: float
    description: str
    start_date: str
    end_date: str | None = None


def read_marking(inner: Mapping[str, Any]) -> Label | None:
    """The restriction under the IEP extension's key; None if any of it is not understood.

    A policy that has not begun restricts already: it is never wider so.
    """
    try:
        carried = msgspec.convert(dict(inner), _Carried)
    except msgspec.ValidationError:
        return None  # the caller says which marking could not be read
    table = TextTable(
        {**msgspec.structs.asdict(carried), "attribution": carried.provider_attribution}, input=""
    )
    if table.instant("start_date") is None or carried.iep_version != _VERSION:
        return None
    label = _restriction(table)
    return None if table.faulty else label


def _policy(table: Table) -> Label:
    version = table.take("iep_version", required=True)
    if version not in (_VERSION, "2.0") or isinstance(version, bool):
        table.fault("iep_version", "must be 2.0")
    return _restriction(table)


def _restriction(table: Table) -> Label:
    demands = {_chosen(table, "permitted_actions", ACTIONS)}
    demands |= {_chosen(table, field, values) for field, values in _DEMANDS.items()}
    end = table.instant("end_date")
    return Label(
        tlp=table.tlp("tlp", required=True),
        expires=None if end is None else min(end, LAST_INSTANT),
        obligations=frozenset(duty for duty in demands if duty),
    )


def _chosen(table: Table, field: str, values: Mapping[str, str | None]) -> str | None:
    word = table.word(field, required=True).casefold()
    if word and word not in values:
        table.fault(field, f"'{word}' is not one of {', '.join(values)}")
    return values.get(word)


def _unplaced(table: Table) -> Iterator[Loss]:
    """What a policy says beside its restrictions: a label has no name, beginning or reference."""
    for field in ("id", "name", "description", "external_reference"):
        if table.take(field, required=field in ("id", "name")) not in (None, ""):
            yield _loss(field, "a label has no place for it")
    if table.instant("start_date", required=True) is not None:
        yield _loss("start_date", "a label holds from the moment it is given")


def _strictest_action(duties: frozenset[str]) -> tuple[str, set[str]]:
    """The `permitted_actions` that a label's action limits come to, and the duties that are none of them."""
    limits = [action for action, duty in ACTIONS.items() if duty in duties]
    own = {duty for duty in ACTIONS.values() if duty}
    return (limits[0] if limits else list(ACTIONS)[-1]), set(duties - own)


def _lost(label: Label) -> Iterator[Loss]:
    if label.tlp is None:
        yield _loss("tlp", "none is stated, and a policy must state one: written as red")
    if label.tlp is Tlp.AMBER_STRICT:
        yield _loss("tlp", "IEP 2.0 has no amber+strict: written as red")
    for field in _NO_PLACE:
        if getattr(label, field) != getattr(NEUTRAL, field):
            yield _loss(field, "a policy has no place for it")


_POLICIES: Final = uuid.UUID("3fca0da6-3d0f-4a4b-8a53-8c4ff50ed1f9")
"""Names our policies by what the label says."""

_NO_PLACE: Final = (
    "classification",
    "handling",
    "handling_text",
    "releasable_to",
    "not_releasable_to",
    "onward",
    "purposes",
    "topics",
    "compartments",
    "retention_days",
    "unmapped",
)


def _loss(path: str, lost: str) -> Loss:
    return Loss(index=None, id=None, path=path, lost=lost)


def _text(at: int) -> str:
    return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
