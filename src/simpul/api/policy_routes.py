"""Policy over HTTP: the laboratory, what a change would do, decisions replayed, labels in other forms, national rules."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from simpul.api import documents
from simpul.api.dependencies import TheNode, ThePerson
from simpul.domain.laboratory import run
from simpul.errors import InputFault
from simpul.formats import iep, stanag4774
from simpul.formats.laboratory import read_laboratory
from simpul.formats.terms import read_label, write_label
from simpul.services.overlaying import adopt_overlay, list_overlays, propose_overlay, show_overlay
from simpul.services.policy_diffing import NOTHING, policy_difference
from simpul.services.replaying import replay
from simpul.services.small_files import called, read_small
from simpul.services.times import microseconds

STANAG, IEP = "stanag-4774", "iep"


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """A text that a person wrote: TOML, YAML or JSON, as the command line takes it in a file."""

    text: str


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two agreements, or two overlays, as TOML; null stands for none."""

    old: str | None
    new: str | None
    at: str | None = None


class LabelAs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label as TOML, and the form to write it in: `stanag-4774` or `iep`."""

    label: str
    form: str
    scheme: str | None = None
    originator: str = ""
    name: str = "label"
    at: str | None = None


@post("/policy/test", sync_to_thread=True, status_code=200)
def policy_test(data: JSONBody[Text]) -> dict[str, Any]:
    """Decide the cases of a laboratory (YAML); nothing of this node is read."""
    written = data.text.encode()
    return documents.laboratory(run(read_laboratory(read_small(written), input=called(written))))


@post("/policy/diff", sync_to_thread=True, status_code=200)
def policy_diff(node: TheNode, data: JSONBody[Change]) -> dict[str, Any]:
    """Whose access changes, over the labels of this node, when one policy takes the place of another."""
    at = None if data.at is None else microseconds(data.at, input="at")
    old, new = (NOTHING if text is None else text.encode() for text in (data.old, data.new))
    return policy_difference(node, old, new, at=at).document()


@get("/decisions/{name:str}", sync_to_thread=True)
def decision(node: TheNode, name: FromPath[str]) -> dict[str, Any]:
    """Compute a release's decision again, by the root of its manifest or the hash of a message; `ok` says how it ended."""
    return replay(node, name).document()


@post("/labels/export", sync_to_thread=True, status_code=200)
def label_export(node: TheNode, data: JSONBody[LabelAs]) -> dict[str, Any]:
    """Write a label in another form; `losses` says what that form cannot."""
    written = data.label.encode()
    marked = read_label(read_small(written), party=str, input=called(written))
    at = node.clock() if data.at is None else microseconds(data.at, input="at")
    if data.form == IEP:
        policy = iep.write_policy(marked, name=data.name, start=at)
        text, losses = iep.encode_policy(policy.policy).decode(), policy.losses
    elif data.form == STANAG:
        made = stanag4774.export_label(marked, originator=data.originator, created=at, scheme=data.scheme)
        text, losses = made.xml.decode(), made.losses
    else:
        raise InputFault(f"'{data.form}' is not a form", input="form", do=f"write {STANAG} or {IEP}")
    return {"as": data.form, "text": text, "losses": documents.losses(losses)}


@post("/labels/import", sync_to_thread=True, status_code=200)
def label_import(data: JSONBody[Text]) -> dict[str, Any]:
    """Read a FIRST IEP 2.0 policy (JSON) as a label; it permits nothing until its owner adds to whom and for what."""
    written = data.text.encode()
    found = iep.read_policy(read_small(written), input=called(written))
    return {"as": "label", "text": write_label(found.label), "losses": documents.losses(found.losses)}


@get("/overlays", sync_to_thread=True)
def overlays(node: TheNode) -> list[dict[str, Any]]:
    """Every version of this nation's own rules, newest first, and what waits for a second person."""
    return [documents.overlay(each) for each in list_overlays(node)]


@get("/overlays/{version:int}", sync_to_thread=True)
def one_overlay(node: TheNode, version: FromPath[int]) -> dict[str, Any]:
    """One version of the rules, with its terms as TOML."""
    found = show_overlay(node, version)
    return documents.overlay(found) | {"terms": found.words}


@post("/overlays/propose", sync_to_thread=True, status_code=200)
def overlay_proposed(node: TheNode, person: ThePerson, data: JSONBody[Text]) -> dict[str, Any]:
    """Offer rules (TOML) for adoption by a second person."""
    return documents.overlay(propose_overlay(node, person, data.text.encode()))


@post("/overlays/adopt", sync_to_thread=True, status_code=200)
def overlay_adopted(node: TheNode, person: ThePerson, data: JSONBody[Text]) -> dict[str, Any]:
    """Adopt the rules that another person proposed."""
    return documents.overlay(adopt_overlay(node, person, data.text.encode()))


ROUTES: Final = (
    policy_test,
    policy_diff,
    decision,
    label_export,
    label_import,
    overlays,
    one_overlay,
    overlay_proposed,
    overlay_adopted,
)
