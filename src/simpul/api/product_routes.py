"""Products over HTTP: draft, preview, approve, release. What a command does, for the person who is signed in."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from simpul.api import documents
from simpul.api.dependencies import TheNode, ThePerson
from simpul.domain.products import Precedence
from simpul.errors import InputFault
from simpul.services.drafting import Draft, draft
from simpul.services.previewing import preview
from simpul.services.reading import list_products, product_document
from simpul.services.releasing import approve, release

RECIPIENTS_MOST: Final = 200
"""Recipients of one request."""


class NewProduct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product to draft: as `simpul product new` takes it; `portions` and `label` are TOML text."""

    title: str
    purpose: str
    precedence: str
    grade: str
    handling: str = ""
    objects: tuple[str, ...] = ()
    query: str | None = None
    portions: str | None = None
    label: str | None = None
    revise: str | None = None


class To(Struct, frozen=True, forbid_unknown_fields=True):
    """The recipients: names, fingerprints, or unique beginnings of either."""

    to: tuple[str, ...]


class Approval(To, frozen=True, forbid_unknown_fields=True):
    """For whom, and the `policy` of each preview that was looked at: what changed since is not approved."""

    previewed: tuple[str, ...] = ()


@get("/products", sync_to_thread=True)
def products(node: TheNode) -> list[dict[str, Any]]:
    """The newest version of each product of this node, newest first."""
    return [documents.product(each) for each in list_products(node)]


@post("/products", sync_to_thread=True)
def new_product(node: TheNode, person: ThePerson, data: JSONBody[NewProduct]) -> dict[str, Any]:
    """Draft a product, or the next version of one; the signer is its drafter and can never approve it."""
    made = draft(node, person, _draft(data))
    return {"product": made.id, "version": made.version}


@get("/products/{product_id:str}", sync_to_thread=True)
def one_product(
    node: TheNode, product_id: FromPath[str], version: Annotated[int | None, QueryParameter(ge=1)] = None
) -> dict[str, Any]:
    """One of this node's products: narrative, labels, and what became of it at each recipient."""
    return product_document(node, product_id, version)


@post("/products/{product_id:str}/preview", sync_to_thread=True, status_code=200)
def previewed(node: TheNode, product_id: FromPath[str], data: JSONBody[To]) -> dict[str, Any]:
    """Exactly what each recipient would get, object by object and portion by portion, and the clause that decided."""
    found = preview(node, product_id, _recipients(data), None)
    return {"recipients": [documents.preview(each) for each in found]}


@post("/products/{product_id:str}/approve", sync_to_thread=True, status_code=200)
def approved(
    node: TheNode, person: ThePerson, product_id: FromPath[str], data: JSONBody[Approval]
) -> dict[str, Any]:
    """Approve what each recipient would get, as a person who did not draft it."""
    done = approve(
        node,
        person,
        product_id,
        _recipients(data),
        progress=lambda _: None,
        previewed=data.previewed,
    )
    return {"approved": [documents.release(each) for each in done]}


@post("/products/{product_id:str}/release", sync_to_thread=True, status_code=200)
def released(
    node: TheNode, person: ThePerson, product_id: FromPath[str], data: JSONBody[To]
) -> dict[str, Any]:
    """Release what was approved; it leaves at once."""
    done = release(node, person, product_id, _recipients(data))
    return {"released": [documents.release(each) for each in done]}


def _recipients(data: To) -> tuple[str, ...]:
    if not 1 <= len(data.to) <= RECIPIENTS_MOST:
        raise InputFault(f"between 1 and {RECIPIENTS_MOST} recipients are named", input="to")
    return data.to


def _draft(data: NewProduct) -> Draft:
    return Draft(
        title=data.title,
        purpose=data.purpose,
        precedence=_precedence(data.precedence),
        grade=data.grade,
        handling=data.handling,
        objects=data.objects,
        query=data.query,
        portions=None if data.portions is None else data.portions.encode(),
        label=None if data.label is None else data.label.encode(),
        revises=data.revise,
    )


def _precedence(word: str) -> Precedence:
    try:
        return Precedence(word.lower())
    except ValueError:
        raise InputFault(
            f"'{word}' is not a precedence",
            input="precedence",
            do=f"write one of {', '.join(each.value for each in Precedence)}",
        ) from None


ROUTES: Final = (products, new_product, one_product, previewed, approved, released)
