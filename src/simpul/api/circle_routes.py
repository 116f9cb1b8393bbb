"""Circles over HTTP: what `simpul circle` does, in the name of the person who is signed in."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from simpul.api.dependencies import TheNode, ThePerson
from simpul.services import chartering, excluding
from simpul.services.chartering import CharterStanding


class CharterText(Struct, frozen=True, forbid_unknown_fields=True):
    """A charter, as TOML."""

    text: str


def _document(each: CharterStanding) -> dict[str, Any]:
    """Where one epoch of a circle stands."""
    return {
        "circle": each.circle,
        "epoch": each.epoch,
        "state": each.state,
        "hash": each.hash.hex(),
        "members": list(each.members),
        "threshold": each.threshold,
        "signed": list(each.signed),
        "behind": list(each.behind),
    }


@get("/circles", sync_to_thread=True)
def circles(node: TheNode) -> list[dict[str, Any]]:
    """Every circle by name: its newest epoch, and what is proposed after it."""
    return [_document(each) for each in chartering.list_circles(node)]


@post("/circles", sync_to_thread=True)
def proposed_charter(node: TheNode, person: ThePerson, data: JSONBody[CharterText]) -> dict[str, Any]:
    """Sign the first or next charter of a circle and offer it to the members that it names."""
    return _document(chartering.propose(node, data.text.encode(), person.name))


@get("/circles/{circle:str}", sync_to_thread=True)
def one_circle(node: TheNode, circle: FromPath[str]) -> dict[str, Any]:
    """What is proposed for a circle, else what is in force, with the charter."""
    found = chartering.show(node, circle)
    return _document(found) | {"terms": found.terms}


@get("/circles/{circle:str}/history", sync_to_thread=True)
def circle_history(node: TheNode, circle: FromPath[str]) -> list[dict[str, Any]]:
    """Every epoch of a circle, newest first."""
    return [_document(each) for each in chartering.history(node, circle)]


@post("/circles/{circle:str}/sign", sync_to_thread=True, status_code=200)
def signed_charter(
    node: TheNode,
    person: ThePerson,
    circle: FromPath[str],
    read: Annotated[str, QueryParameter(name="hash", max_length=64)] = "",
) -> dict[str, Any]:
    """Sign what is proposed, or only the charter with the hash that was read; for a new member, that is how it joins."""
    return _document(chartering.sign_charter(node, circle, person.name, hash=read))


@post("/circles/{circle:str}/leave", sync_to_thread=True, status_code=200)
def left_circle(node: TheNode, person: ThePerson, circle: FromPath[str]) -> dict[str, Any]:
    """Leave a circle, at once and without another signature."""
    return _document(chartering.leave(node, circle, person.name))


class Excluded(Struct, frozen=True, forbid_unknown_fields=True):
    """The party to be excluded, by its fingerprint."""

    party: str


@get("/circles/{circle:str}/exclusions", sync_to_thread=True)
def attested_exclusions(node: TheNode, circle: FromPath[str]) -> list[dict[str, Any]]:
    """What the convener of a blind circle attested, each with the line for a label."""
    return [
        {"hash": each.hash.hex(), "asked": each.asked.hex(), "newest": each.newest, "label": each.label}
        for each in excluding.exclusions(node, circle)
    ]


@post("/circles/{circle:str}/exclusions", sync_to_thread=True)
def asked_exclusion(
    node: TheNode, person: ThePerson, circle: FromPath[str], data: JSONBody[Excluded]
) -> dict[str, Any]:
    """Ask the convener of a blind circle whom to release to so that a party gets nothing."""
    return {"circle": circle, "asked": excluding.exclude(node, circle, data.party, person.name).hex()}


ROUTES: Final = (
    circles,
    proposed_charter,
    one_circle,
    circle_history,
    signed_charter,
    left_circle,
    attested_exclusions,
    asked_exclusion,
)
