"""Agreements over HTTP, through their whole life; every step is taken in the name of the person who is signed in."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from simpul.api import documents
from simpul.api.dependencies import TheNode, ThePerson
from simpul.domain.acts import Act
from simpul.services import agreeing, recounting, suspending
from simpul.services.node import Node

STEPS: Final = {"suspend": Act.SUSPEND, "denounce": Act.DENOUNCE, "decline": Act.DECLINE}


class Terms(Struct, frozen=True, forbid_unknown_fields=True):
    """The terms of an agreement, as TOML."""

    text: str


class Why(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a step is taken; the other parties read it."""

    reason: str = ""


@get("/agreements", sync_to_thread=True)
def agreements(node: TheNode) -> list[dict[str, Any]]:
    """Every version of every agreement, newest first."""
    return [documents.standing(each) for each in agreeing.list_agreements(node)]


@post("/agreements", sync_to_thread=True)
def proposed(node: TheNode, person: ThePerson, data: JSONBody[Terms]) -> dict[str, Any]:
    """Sign terms and offer them to the other parties."""
    return documents.standing(agreeing.propose(node, data.text.encode(), person.name))


@get("/agreements/{agreement_id:str}", sync_to_thread=True)
def one_agreement(node: TheNode, agreement_id: FromPath[str]) -> dict[str, Any]:
    """Where an agreement stands, with the terms of its newest version."""
    found = agreeing.show(node, agreement_id)
    return documents.standing(found) | {"terms": found.terms}


@get("/agreements/{agreement_id:str}/history", sync_to_thread=True)
def agreement_history(node: TheNode, agreement_id: FromPath[str]) -> list[dict[str, Any]]:
    """Every step of an agreement, oldest first, the same at every party."""
    return [documents.agreement_event(each) for each in recounting.history(node, agreement_id)]


@get("/agreements/{agreement_id:str}/diff", sync_to_thread=True)
def agreement_diff(
    node: TheNode,
    agreement_id: FromPath[str],
    first: Annotated[int | None, QueryParameter(ge=1)] = None,
    second: Annotated[int | None, QueryParameter(ge=1)] = None,
) -> list[dict[str, Any]]:
    """What differs between two versions, clause by clause: by default the newest and what it answers."""
    found = recounting.difference(node, agreement_id, first, second)
    return [documents.clause_change(each) for each in found]


@post("/agreements/{agreement_id:str}/counter", sync_to_thread=True)
def countered(
    node: TheNode, person: ThePerson, agreement_id: FromPath[str], data: JSONBody[Terms]
) -> dict[str, Any]:
    """Answer a proposal with other terms, which replace it."""
    return documents.standing(agreeing.counter(node, agreement_id, data.text.encode(), person.name))


@post("/agreements/{agreement_id:str}/sign", sync_to_thread=True, status_code=200)
def signed(node: TheNode, person: ThePerson, agreement_id: FromPath[str]) -> dict[str, Any]:
    """Sign the newest version."""
    return documents.standing(agreeing.sign_agreement(node, agreement_id, person.name))


@post("/agreements/{agreement_id:str}/resume", sync_to_thread=True, status_code=200)
def resumed(
    node: TheNode, person: ThePerson, agreement_id: FromPath[str], data: JSONBody[Why]
) -> dict[str, Any]:
    """End every suspension, as soon as all parties sign that."""
    return _after(node, suspending.resume(node, agreement_id, data.reason, person.name))


@post("/agreements/{agreement_id:str}/{step:str}", sync_to_thread=True, status_code=200)
def stepped(
    node: TheNode,
    person: ThePerson,
    agreement_id: FromPath[str],
    step: FromPath[Literal["suspend", "denounce", "decline"]],
    data: JSONBody[Why],
) -> dict[str, Any]:
    """Suspend or denounce an agreement, or decline a proposal; each says why."""
    return _after(node, suspending.do(node, agreement_id, STEPS[step], data.reason, person.name))


def _after(node: Node, agreement: str) -> dict[str, Any]:
    return documents.standing(agreeing.show_binding(node, agreement))


ROUTES: Final = (
    agreements,
    proposed,
    one_agreement,
    agreement_history,
    agreement_diff,
    countered,
    signed,
    resumed,
    stepped,
)
