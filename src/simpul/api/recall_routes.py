"""Recalls over HTTP: take back, narrow, see who answered, keep apart under a legal ground."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from simpul.api import documents
from simpul.api.dependencies import TheNode, ThePerson
from simpul.domain.recalls import CODES
from simpul.errors import InputFault
from simpul.services import recalling
from simpul.services.healing import waive_replay
from simpul.services.querying import party_of
from simpul.services.recalling import Wanted, Why
from simpul.services.times import microseconds


class TakeBack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken back or narrowed, and why: a product, or objects by id."""

    reason: str
    product: str | None = None
    version: Annotated[int, Meta(ge=1)] | None = None
    objects: tuple[str, ...] = ()
    code: str = "other"
    days: Annotated[int, Meta(ge=1, le=365)] = 7

    def wanted(self) -> Wanted:
        """What is meant. Raises `InputFault`."""
        if (self.product is None) == (not self.objects) or (self.version and self.product is None):
            raise InputFault("say what is meant: a product, or objects", input="product")
        return Wanted(product=self.product, version=self.version, objects=self.objects)

    def why(self) -> Why:
        """Why. Raises `InputFault` for an unknown code."""
        if self.code not in CODES:
            raise InputFault(
                f"'{self.code}' is not a code", input="code", do=f"write one of {', '.join(CODES)}"
            )
        return Why(code=self.code, reason=self.reason, days=self.days)


class Issue(TakeBack, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `simpul recall issue` takes it."""

    destroy_own: bool = False


class Tighten(TakeBack, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `simpul recall tighten` takes it; `label` is TOML."""

    label: str


class Hold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A legal ground to keep things apart instead of destroying them."""

    ground: str
    until: str
    product: str | None = None
    objects: tuple[str, ...] = ()


@get("/recalls", sync_to_thread=True)
def recalls(node: TheNode) -> list[dict[str, Any]]:
    """Every recall and restriction that is known here, issued or received, newest first."""
    return [each.document() for each in recalling.list_recalls(node)]


@get("/recalls/status", sync_to_thread=True)
def recall_status(
    node: TheNode, wanted: Annotated[str | None, QueryParameter(name="recall", max_length=64)] = None
) -> list[dict[str, Any]]:
    """For each recall of this node, or for one: who answered, who is overdue, what they say, and what that proves."""
    return [each.document() for each in recalling.status(node, wanted)]


@post("/recalls/issue", sync_to_thread=True)
def issued(node: TheNode, person: ThePerson, data: JSONBody[Issue]) -> dict[str, Any]:
    """Take back a product of this node, or objects that it released, from everybody who may hold them."""
    made = recalling.issue(node, person, data.wanted(), data.why(), destroy_own=data.destroy_own)
    return documents.issued(made)


@post("/recalls/tighten", sync_to_thread=True)
def tightened(node: TheNode, person: ThePerson, data: JSONBody[Tighten]) -> dict[str, Any]:
    """Join a label onto what was released, wherever it is held."""
    made = recalling.tighten(node, person, data.wanted(), data.why(), data.label.encode())
    return documents.issued(made)


@post("/recalls/waive/{party:str}", sync_to_thread=True, status_code=200)
def waived(node: TheNode, person: ThePerson, party: FromPath[str]) -> dict[str, Any]:
    """Go on after a restore although this partner has not said what it recalled since."""
    with node.store.read() as unit:
        found = party_of(unit, party)
    waive_replay(node, person, found.fingerprint)
    return {"party": found.fingerprint, "waived": True}


@get("/holds", sync_to_thread=True)
def holds(node: TheNode) -> list[dict[str, Any]]:
    """Every legal hold, newest first."""
    return [documents.hold(each) for each in recalling.list_holds(node)]


@post("/holds", sync_to_thread=True)
def held(node: TheNode, person: ThePerson, data: JSONBody[Hold]) -> dict[str, Any]:
    """From now on, what is covered is kept out of every reach instead of destroyed, until the time is over."""
    made = recalling.add_hold(
        node,
        person,
        data.ground,
        product=data.product,
        objects=data.objects,
        until=microseconds(data.until, input="until"),
    )
    return documents.hold(made)


ROUTES: Final = (recalls, recall_status, issued, tightened, waived, holds, held)
