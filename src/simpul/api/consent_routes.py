"""Consent to passing on over HTTP: ask an originator, and answer those who ask, as the person who is signed in."""

from __future__ import annotations

from typing import Any, Final, Literal

from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from simpul.api import documents
from simpul.api.dependencies import TheNode, ThePerson
from simpul.domain.labels import Onward
from simpul.services import consenting, granting
from simpul.services.times import microseconds


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked, as `simpul consent ask` takes it: no objects means all of the product."""

    product: str
    to: str
    purpose: str
    why: str
    objects: tuple[str, ...] = ()
    repeated: bool = False
    until: str | None = None


class GrantTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of a grant; what is not said is as asked, and onward is none.

    A further person sends `confirm` alone: the hash of the proposal, as `proposed` shows it.
    """

    rendition: str | None = None
    not_after: str | None = None
    onward: Literal["none", "consent", "free"] = "none"
    obligations: tuple[str, ...] = ()
    single: bool = False
    confirm: str = ""


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """Why; the asker reads it."""

    reason: str = ""


@get("/consents", sync_to_thread=True)
def consents(node: TheNode) -> list[dict[str, Any]]:
    """Every consent that was asked, by this node or of it, newest first."""
    return [documents.consent(each) for each in consenting.list_consents(node)]


@post("/consents", sync_to_thread=True)
def asked(node: TheNode, person: ThePerson, data: JSONBody[Question]) -> dict[str, Any]:
    """Ask the originator of objects to let them be passed on; it names exactly the leaves of its manifests."""
    wanted = consenting.Asking(
        product=data.product,
        objects=data.objects,
        to=data.to,
        purpose=data.purpose,
        why=data.why,
        repeated=data.repeated,
        until=_time(data.until, "until"),
    )
    made = consenting.ask(node, person, wanted)
    return {"request": made.request, "leaves": made.leaves}


@get("/consents/{request_id:str}", sync_to_thread=True)
def one_consent(node: TheNode, request_id: FromPath[str]) -> dict[str, Any]:
    """One consent: what was asked and why, and what was granted."""
    return documents.whole_consent(consenting.show(node, request_id))


@post("/consents/{request_id:str}/grant", sync_to_thread=True, status_code=200)
def granted(
    node: TheNode, person: ThePerson, request_id: FromPath[str], data: JSONBody[GrantTerms]
) -> dict[str, Any]:
    """Propose the terms of a grant as the first person, or confirm them as another; with enough, it is sent."""
    terms = granting.Terms(
        rendition=data.rendition,
        not_after=_time(data.not_after, "not_after"),
        onward=Onward(none=data.onward == "none", consent=data.onward == "consent"),
        obligations=data.obligations,
        single=data.single,
        confirm=data.confirm,
    )
    return documents.whole_consent(granting.grant(node, person, request_id, terms))


@post("/consents/{request_id:str}/deny", sync_to_thread=True, status_code=200)
def denied(
    node: TheNode, person: ThePerson, request_id: FromPath[str], data: JSONBody[Reason]
) -> dict[str, Any]:
    """Deny a request."""
    return documents.whole_consent(granting.deny(node, person, request_id, data.reason))


@post("/consents/{request_id:str}/revoke", sync_to_thread=True, status_code=200)
def revoked(
    node: TheNode, person: ThePerson, request_id: FromPath[str], data: JSONBody[Reason]
) -> dict[str, Any]:
    """Take back what was granted: nothing more may be passed on by it."""
    return documents.whole_consent(granting.revoke(node, person, request_id, data.reason))


def _time(text: str | None, field: str) -> int | None:
    return None if text is None else microseconds(text, input=field)


ROUTES: Final = (consents, asked, one_consent, granted, denied, revoked)
