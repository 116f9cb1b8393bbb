"""The exchange with partners: `sync`, `inbox`, `quarantine`, `feedback`, `sight`."""

from __future__ import annotations

import click

from simpul.cli.frame import Actor, Call, Command, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table


@click.command("sync", cls=Command, short_help="Send what waits and fetch what has come.")
@click.option("--once", is_flag=True, help="One round, then end (`simpul serve` goes on).")
@framed
def sync(call: Call, once: bool) -> None:
    """One round with every relay: fetch, decide, store, acknowledge, send.

    Beside a running `serve` it asks that process to do it. Counts are objects.
    """
    from simpul.services.syncing import sync_once

    if not once:
        raise click.UsageError("say --once; `simpul serve` is what keeps on syncing")
    with opened(call) as node:
        report = sync_once(node, progress=call.output.progress)
    for problem in report.problems:
        call.output.note(problem)
    call.output.finish(report.counts(), ok=report.reached)


@click.command("inbox", cls=Command, short_help="List what partners have released to this node.")
@click.argument("wanted", metavar="[PRODUCT]", required=False)
@framed
def inbox(call: Call, wanted: str | None) -> None:
    """List what partners have released to this node, the most urgent and newest first; or read one product."""
    from simpul.services.reading import open_product, read_inbox

    with opened(call) as node:
        if wanted:
            item = open_product(node, wanted)
            call.output.document(item.document(), human=item.words)
            return
        items = read_inbox(node)
    call.output.document(
        [item.document() for item in items],
        human=lambda: (
            table(
                ["precedence", "from", "title", "objects", "parts", "arrived", "product"],
                [
                    [i.precedence, i.sender_name, i.title, i.objects, i.parts, i.arrived, i.product]
                    for i in items
                ],
            )
            if items
            else ["nothing has come in yet; `simpul sync --once` fetches"]
        ),
    )


@click.group("quarantine", cls=Group, short_help="List, admit or refuse what was set aside.")
def quarantine() -> None:
    """List, admit or refuse what was set aside because a rule did not let it in by itself."""


@quarantine.command("list", short_help="List what waits for a reviewer.")
@click.option("--all", "everything", is_flag=True, help="Also what was decided.")
@framed
def quarantine_list(call: Call, everything: bool) -> None:
    """List what waits for a reviewer, with the reasons."""
    from simpul.api.documents import quarantined as document
    from simpul.services.reading import list_quarantined

    with opened(call) as node:
        groups = list_quarantined(node, state=None if everything else "waiting")
    call.output.document(
        [document(group.item) for group in groups],
        human=lambda: table(
            ["id", "from", "kind", "objects", "portions", "reasons", "state"],
            [
                [
                    group.item.id.hex(),
                    group.sender_name,
                    group.item.kind,
                    group.item.objects,
                    f"{group.item.portions} and cover sheet" if group.item.sheet else group.item.portions,
                    "; ".join(why for _, why in group.item.reasons),
                    group.item.state,
                ]
                for group in groups
            ],
        ),
    )


@quarantine.command("admit", short_help="Take it in after all.")
@click.argument("wanted", metavar="ID")
@acting(required=True)
@framed
def quarantine_admit(call: Call, actor: Actor, wanted: str) -> None:
    """Take a group in after all; its label stays as restrictive as it came."""
    from simpul.services.quarantining import admit_quarantined

    with opened(call) as node:
        count = admit_quarantined(node, signer(node, actor), wanted)
    call.output.document({"id": wanted, "admitted": count})


@quarantine.command("refuse", short_help="Refuse it and destroy its content.")
@click.argument("wanted", metavar="ID")
@acting(required=True)
@framed
def quarantine_refuse(call: Call, actor: Actor, wanted: str) -> None:
    """Refuse a group: its content is destroyed here, and the sender gets a receipt that says refused."""
    from simpul.services.quarantining import refuse_quarantined

    with opened(call) as node:
        count = refuse_quarantined(node, signer(node, actor), wanted)
    call.output.document({"id": wanted, "refused": count})


@click.command("feedback", cls=Command, short_help="Tell the originator what a product was worth.")
@click.argument("wanted", metavar="ID")
@click.option(
    "--rating",
    type=click.Choice(["useful", "partly", "not-useful"]),
    default="useful",
    show_default=True,
    help="What it was worth.",
)
@click.option("--acted", is_flag=True, help="It was acted on.")
@click.option(
    "--action",
    type=click.Choice(["internal", "indirect", "direct", "notify", "court"]),
    default="internal",
    show_default=True,
    help="How: inside one's own systems, out of or in the adversary's sight, by telling those concerned, or in court.",
)
@click.option("--on", "objects", metavar="ID", multiple=True, help="On this object only; may be repeated.")
@click.option("--permission", default="", metavar="TEXT", help="By which word the originator permitted it.")
@click.option("--text", default="", help="In words.")
@acting(required=True)
@framed
def feedback(
    call: Call,
    actor: Actor,
    wanted: str,
    rating: str,
    acted: bool,
    action: str,
    objects: tuple[str, ...],
    permission: str,
    text: str,
) -> None:
    """Tell the originator of a received product what it was worth. ID is the product's.

    With --acted it is refused if the duties that came with the product forbid that --action.
    """
    from simpul.domain.obligations import Action
    from simpul.services.answering import Deed, give_feedback

    if not acted and (objects or permission or action != "internal"):
        raise click.UsageError("--action, --on and --permission say how it was acted on: write --acted too")
    deed = Deed(how=Action(action), on=objects, permission=permission) if acted else None
    with opened(call) as node:
        to = give_feedback(node, signer(node, actor), wanted, rating=rating, text=text, deed=deed)
    call.output.document({"product": wanted, "to": to, "rating": rating})


@click.command("sight", cls=Command, short_help="Report a sighting of an object or a value.")
@click.argument("wanted", metavar="ID|VALUE")
@click.option(
    "--count", "times", type=click.IntRange(1, 999_999_999), default=1, show_default=True, help="How often."
)
@click.option("--at", "when", metavar="TIME", help="When it was last seen (RFC 3339); now if not said.")
@click.option("--quiet", is_flag=True, help="Keep it here: tell no partner.")
@acting(required=True)
@framed
def sight(call: Call, actor: Actor, wanted: str, times: int, when: str | None, quiet: bool) -> None:
    """Record that a value, or what an indicator describes, was seen here, and tell whose indicators it meets.

    VALUE is an address, a domain, a hash, an IMO number …; write kind:value (such as passport:XA123) where it could
    be several things. The originators of matching indicators get the sighting where an agreement lets them.
    """
    from simpul.services.sighting import sight as see

    with opened(call) as node:
        seen = see(node, signer(node, actor), wanted, times=times, when=when, quiet=quiet)
    call.output.document(
        {
            "sighting": seen.ids,
            "matches": [{"value": m.value, "at": m.at, "from": m.source} for m in seen.matches],
            "sent": seen.sent,
        },
        human=lambda: [
            *(m.reason for m in seen.matches),
            f"{len(seen.matches)} matches, told to {len(seen.sent)} parties",
        ],
    )
