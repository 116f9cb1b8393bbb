"""Looking over HTTP: objects, the inbox, quarantine, receipts, and how this node is doing."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from simpul.api import documents
from simpul.api.dependencies import TheNode, ThePerson
from simpul.services.quarantining import admit_quarantined, refuse_quarantined
from simpul.services.reading import (
    find,
    list_quarantined,
    node_status,
    open_product,
    raw_bytes,
    read_inbox,
    search,
    verify_receipts,
)
from simpul.services.seeing import Asker

PAGE_MOST: Final = 1000

_For = Annotated[str | None, QueryParameter(name="for", max_length=200)]
"""A party: then only what it may see, as it may see it, for the purpose that is stated beside it."""

_Purpose = Annotated[str | None, QueryParameter(max_length=200)]


@get("/status", sync_to_thread=True)
def status(node: TheNode) -> dict[str, Any]:
    """Who this node is, what it holds, what was exchanged, and what waits."""
    return node_status(node)


@get("/objects", sync_to_thread=True)
def objects(
    node: TheNode,
    q: Annotated[str, QueryParameter(max_length=4096)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MOST)] = 100,
    after: Annotated[str | None, QueryParameter(max_length=512)] = None,
    party: _For = None,
    purpose: _Purpose = None,
) -> dict[str, Any]:
    """A page of what fits a search, the cursor to the next page, and how many fit in all."""
    asker = Asker(party=party, purpose=purpose)
    found, following, total = search(node, q, limit=limit, after=after, asker=asker)
    return {"objects": [documents.shown(each) for each in found], "total": total, "next": following}


@get("/objects/{object_id:str}", sync_to_thread=True)
def one_object(
    node: TheNode,
    object_id: FromPath[str],
    modified: FromQuery[str | None] = None,
    originator: Annotated[str | None, QueryParameter(name="from")] = None,
    party: _For = None,
    purpose: _Purpose = None,
) -> list[dict[str, Any]]:
    """Every stored version and rendition of an id, newest first."""
    asker = Asker(party=party, purpose=purpose)
    found = find(node, object_id, modified=modified, originator=originator, asker=asker)
    return [documents.shown(each) for each in found]


@get("/objects/{object_id:str}/raw", sync_to_thread=True)
def one_object_raw(
    node: TheNode,
    object_id: FromPath[str],
    modified: FromQuery[str | None] = None,
    originator: Annotated[str | None, QueryParameter(name="from")] = None,
    party: _For = None,
    purpose: _Purpose = None,
) -> Response[bytes]:
    """The exact stored bytes of the one rendition that fits, or the bytes that would go to a party."""
    asker = Asker(party=party, purpose=purpose)
    raw = raw_bytes(node, object_id, modified=modified, originator=originator, asker=asker)
    return Response(raw, media_type="application/stix+json;version=2.1")


@get("/inbox", sync_to_thread=True)
def inbox(node: TheNode) -> list[dict[str, Any]]:
    """What came in, most urgent and newest first."""
    return [each.document() for each in read_inbox(node)]


@post("/inbox/{product_id:str}/open", sync_to_thread=True, status_code=200)
def opened(node: TheNode, product_id: FromPath[str]) -> dict[str, Any]:
    """Read one product; the first reading is recorded, and its originator is told."""
    return open_product(node, product_id).document()


@get("/quarantine", sync_to_thread=True)
def quarantine(
    node: TheNode, *, everything: Annotated[bool, QueryParameter(name="all")] = False
) -> list[Any]:
    """What waits for a reviewer, with the reasons; with `all` also what was decided."""
    groups = list_quarantined(node, state=None if everything else "waiting")
    return [documents.quarantined(group.item) for group in groups]


@post("/quarantine/{group:str}/admit", sync_to_thread=True, status_code=200)
def admit(node: TheNode, person: ThePerson, group: FromPath[str]) -> dict[str, Any]:
    """Take a group in after all; its label stays as restrictive as it came."""
    return {"id": group, "admitted": admit_quarantined(node, person, group)}


@post("/quarantine/{group:str}/refuse", sync_to_thread=True, status_code=200)
def refuse(node: TheNode, person: ThePerson, group: FromPath[str]) -> dict[str, Any]:
    """Refuse a group: its content is destroyed here, and its sender learns that it was refused."""
    return {"id": group, "refused": refuse_quarantined(node, person, group)}


@get("/receipts", sync_to_thread=True)
def receipts(node: TheNode) -> dict[str, Any]:
    """Every receipt of partners, each verified anew."""
    return documents.receipts(verify_receipts(node))


ROUTES: Final = (
    status,
    objects,
    one_object,
    one_object_raw,
    inbox,
    opened,
    quarantine,
    admit,
    refuse,
    receipts,
)
