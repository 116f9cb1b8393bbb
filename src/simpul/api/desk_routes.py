"""What an officer does with what is here, over HTTP: mark one's own objects, and answer for a partner's product."""

from __future__ import annotations

from typing import Any, Final, Literal

from litestar import post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from simpul.api.dependencies import TheNode, ThePerson
from simpul.domain.obligations import Action
from simpul.errors import InputFault
from simpul.services.answering import Deed, give_feedback
from simpul.services.marking import mark_objects


class Marking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label (TOML) for objects by id, or for all that fits a search."""

    label: str
    ids: tuple[str, ...] = ()
    query: str | None = None


class Acted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How something was acted on, on which objects (none: all of the product), and by which word it was permitted."""

    action: Literal["internal", "indirect", "direct", "notify", "court"] = "internal"
    on: tuple[str, ...] = ()
    permission: str = ""


class Feedback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a product was worth, and what was done on it."""

    rating: Literal["useful", "partly", "not-useful"] = "useful"
    text: str = ""
    acted: Acted | None = None


@post("/objects/mark", sync_to_thread=True, status_code=200)
def marked(node: TheNode, person: ThePerson, data: JSONBody[Marking]) -> dict[str, Any]:
    """Give objects of this node a label; it says how many renditions bear another one now."""
    if bool(data.ids) == (data.query is not None):
        raise InputFault("say which objects: ids, or a query", input="ids")
    count = mark_objects(node, ids=data.ids, query=data.query, label=data.label.encode(), by=person.name)
    return {"marked": count}


@post("/inbox/{product_id:str}/feedback", sync_to_thread=True, status_code=200)
def answered(
    node: TheNode, person: ThePerson, product_id: FromPath[str], data: JSONBody[Feedback]
) -> dict[str, Any]:
    """Tell the originator what a product was worth; what its duties forbid to act on is refused by the clause."""
    done = data.acted
    deed = Deed(how=Action(done.action), on=done.on, permission=done.permission) if done else None
    to = give_feedback(node, person, product_id, rating=data.rating, text=data.text, deed=deed)
    return {"product": product_id, "to": to, "rating": data.rating}


ROUTES: Final = (marked, answered)
