"""Consent to passing on: `consent ask`, `list`, `show`, `grant`, `deny`, `revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import instant, table
from simpul.cli.variadic import Variadic

if TYPE_CHECKING:
    from simpul.services.consenting import ShownConsent


@click.group("consent", cls=Group, short_help="Ask originators to let their words be passed on, and answer.")
def consent() -> None:
    """Ask an originator to let its words be passed on to a third party, and answer such requests.

    A grant needs two persons, as a release does: the first `grant` proposes it, another person's confirms it.
    """


@consent.command("ask", cls=Variadic, short_help="Ask for consent to pass objects on.")
@click.argument("product", metavar="PRODUCT")
@click.option(
    "--object", "objects", multiple=True, metavar="ID", help="Only these; all of the product if none."
)
@click.option("--to", "to", required=True, metavar="P", help="Who would get them.")
@click.option("--purpose", required=True, help="What the recipient would get them for.")
@click.option("--why", required=True, metavar="TEXT", help="Why, for an officer at the originator.")
@click.option("--repeated", is_flag=True, help="For every release until it ends; for one if not said.")
@click.option("--until", metavar="T", help="Until when it is wanted.")
@acting(required=True)
@framed
def ask(
    call: Call,
    actor: Actor,
    product: str,
    objects: tuple[str, ...],
    to: str,
    purpose: str,
    why: str,
    repeated: bool,
    until: str | None,
) -> None:
    """Ask the originator of objects to let them be passed on.

    PRODUCT is a draft of this node that carries them, or a product that came in. The request names exactly the leaves
    of the originator's manifests.
    """
    from simpul.services.consenting import Asking
    from simpul.services.consenting import ask as request

    wanted = Asking(
        product=product,
        objects=objects,
        to=to,
        purpose=purpose,
        why=why,
        repeated=repeated,
        until=_time(until, "--until"),
    )
    with opened(call) as node:
        asked = request(node, signer(node, actor), wanted)
    call.output.document({"request": asked.request, "leaves": asked.leaves})


@consent.command("list", short_help="List what was asked, by this node and of it.")
@framed
def list_(call: Call) -> None:
    """List every consent that was asked, by this node or of it, newest first."""
    from simpul.api.documents import consent as document
    from simpul.services.consenting import list_consents

    with opened(call) as node:
        found = list_consents(node)
    call.output.document(
        [document(each) for each in found],
        human=lambda: table(
            ["request", "direction", "state", "from", "to", "leaves", "purpose", "at"],
            [
                [
                    each.request[:12],
                    each.direction,
                    each.state,
                    each.names.get(each.asker, each.asker),
                    each.names.get(each.beneficiary, each.beneficiary),
                    each.leaves,
                    each.purpose,
                    instant(each.at),
                ]
                for each in found
            ],
        ),
    )


@consent.command("show", short_help="Show one consent: what was asked, and what was granted.")
@click.argument("wanted", metavar="ID")
@framed
def show(call: Call, wanted: str) -> None:
    """Show one consent: what was asked and why, and what was granted. ID is the start of a request's id."""
    from simpul.services.consenting import show as look

    with opened(call) as node:
        found = look(node, wanted)
    _print(call, found)


@consent.command("grant", short_help="Grant a request, as the first or as the second person.")
@click.argument("wanted", metavar="ID")
@click.option(
    "--rendition",
    metavar="PRODUCT",
    help="These objects of ours instead, as they were released to who asks: a sanitised or downgraded version.",
)
@click.option("--not-after", "not_after", metavar="T", help="When it ends; a year from now if nobody says.")
@click.option(
    "--onward",
    type=click.Choice(["none", "consent", "free"]),
    default="none",
    show_default=True,
    help="What the recipient may do about passing it on; never more than the label lets it.",
)
@click.option("--obligation", "obligations", multiple=True, metavar="TEXT", help="A duty of the recipient.")
@click.option(
    "--confirm", metavar="HASH", default="", help="Approve this very proposal, as a further person."
)
@click.option("--single", is_flag=True, help="For one release, though more were asked for.")
@acting(required=True)
@framed
def grant(
    call: Call,
    actor: Actor,
    wanted: str,
    rendition: str | None,
    not_after: str | None,
    onward: str,
    obligations: tuple[str, ...],
    single: bool,
    confirm: str,
) -> None:
    """Grant a request. The first person proposes the terms; another looks at them with `show` and confirms their hash.

    It is refused where our own label excludes the recipient. The grant is sent once it has enough persons.
    """
    from simpul.domain.labels import Onward
    from simpul.services.granting import Terms
    from simpul.services.granting import grant as let

    terms = Terms(
        rendition=rendition,
        not_after=_time(not_after, "--not-after"),
        onward=Onward(none=onward == "none", consent=onward == "consent"),
        obligations=obligations,
        single=single,
        confirm=confirm,
    )
    with opened(call) as node:
        found = let(node, signer(node, actor), wanted, terms)
    _print(call, found)


@consent.command("deny", short_help="Deny a request.")
@click.argument("wanted", metavar="ID")
@click.option("--reason", required=True, metavar="CODE", help="A code or a sentence; the asker reads it.")
@acting(required=True)
@framed
def deny(call: Call, actor: Actor, wanted: str, reason: str) -> None:
    """Deny a request. The asker reads the reason."""
    from simpul.services.granting import deny as refuse

    with opened(call) as node:
        found = refuse(node, signer(node, actor), wanted, reason)
    _print(call, found)


@consent.command("revoke", short_help="Take back what was granted.")
@click.argument("wanted", metavar="ID")
@click.option("--reason", default="", metavar="CODE", help="A code or a sentence; the asker reads it.")
@acting(required=True)
@framed
def revoke(call: Call, actor: Actor, wanted: str, reason: str) -> None:
    """Take back what was granted: nothing more is passed on by it. What went before is taken back by a recall."""
    from simpul.services.granting import revoke as take_back

    with opened(call) as node:
        found = take_back(node, signer(node, actor), wanted, reason)
    _print(call, found)


def _time(text: str | None, option: str) -> int | None:
    from simpul.services.times import microseconds

    return None if text is None else microseconds(text, input=option)


def _print(call: Call, found: ShownConsent) -> None:
    from simpul.api.documents import whole_consent

    call.output.document(whole_consent(found), human=lambda: _lines(found))


def _lines(found: ShownConsent) -> list[str]:
    names = found.names
    rows: dict[str, Any] = {
        "request": found.request,
        "state": found.state,
        "from": names.get(found.asker, found.asker),
        "to pass on": f"{found.leaves} objects of {names.get(found.originator, found.originator)}",
        "to": names.get(found.beneficiary, found.beneficiary),
        "purpose": found.purpose,
        "why": found.asked["why"],
        "approved by": ", ".join(found.asked["approved_by"]) or "nobody",
        "reason": found.asked["reason"] or "-",
    }
    if found.proposed is not None:
        rows["proposed"] = f"{found.proposed['proposal']}, to be confirmed by another person"
    granted = found.granted or found.proposed
    if granted is not None:
        rows["granted"] = f"{sum(len(each['positions']) for each in granted['leaves'])} objects"
        rows["rendition"] = granted["rendition"] or "none: what was asked"
        rows["onward"] = granted["onward"]
        rows["obligations"] = ", ".join(granted["obligations"]) or "-"
        rows["until"] = granted["not_after"] + ("" if granted["repeated"] else ", for one release")
    return [f"{name:<12} {value}" for name, value in rows.items()]
