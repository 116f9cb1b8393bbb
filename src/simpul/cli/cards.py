"""Cards, the public records of parties: `card show`, `card renew`, `card add`, `card list`."""

from __future__ import annotations

from pathlib import Path

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table
from simpul.cli.variadic import Variadic


@click.group("card", cls=Group, short_help="Show, renew and add cards, the public records of parties.")
def card() -> None:
    """Show, renew and add cards, the public records of parties.

    A card is trusted when two people have compared its fingerprint by another way than the one it came by.
    """


@card.command("show", short_help="Write this node's card and show its fingerprint.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="F", help="Write the signed card to this file."
)
@framed
def show(call: Call, out: Path | None) -> None:
    """Show this node's fingerprint, in digits and as words to say aloud, and write the card to a file."""
    from simpul.services.connecting import own_card

    with opened(call) as node:
        shown = own_card(node)
    if out is not None:
        out.write_bytes(shown.document)
    call.output.document(
        {
            "party": shown.party,
            "fingerprint": shown.party,
            "name": shown.name,
            "country": shown.country,
            "version": shown.version,
            "relays": list(shown.relays),
            "not_after": shown.not_after,
        },
        human=lambda: [
            f"{shown.name} ({shown.country}), card version {shown.version}, valid until {shown.not_after}",
            f"fingerprint  {shown.groups}",
            *(f"  {line}" for line in shown.spelled),
            f"relays       {', '.join(shown.relays) or 'none'}",
            *([f"written to {out}"] if out else []),
        ],
    )


@card.command("renew", cls=Variadic, short_help="Issue the next version of this node's card.")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The root key, kept outside the home.",
)
@click.option(
    "--relay", "relays", multiple=True, metavar="URL", help="Relays from now on; the old ones if none."
)
@framed
def renew(call: Call, root: Path, relays: tuple[str, ...]) -> None:
    """Issue the next version of this node's card, signed by the root key, and tell every partner at the next sync."""
    from simpul.services.connecting import renew_card

    with opened(call) as node:
        shown = renew_card(node, root, relays)
    call.output.document({"party": shown.party, "version": shown.version, "relays": list(shown.relays)})


@card.command("add", short_help="Trust a card whose fingerprint was compared.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--fingerprint",
    required=True,
    metavar="X",
    help="The fingerprint as its owner read it out; spaces do not matter.",
)
@acting(required=False)
@framed
def add(call: Call, actor: Actor | None, file: Path, fingerprint: str) -> None:
    """Trust a card whose fingerprint two people compared. A mismatch is refused."""
    from simpul.services.connecting import add_card

    with opened(call) as node:
        by = signer(node, actor).name if actor else ""
        party = add_card(node, file, fingerprint, by)
    call.output.document(
        {
            "party": party.fingerprint,
            "name": party.name,
            "country": party.country,
            "version": party.card_version,
        }
    )


@card.command("list", short_help="List the parties whose cards are here.")
@framed
def list_(call: Call) -> None:
    """List the parties whose cards are here, this node first."""
    from simpul.services.reading import list_parties

    with opened(call) as node:
        parties = list_parties(node)
    call.output.document(
        [
            {"party": p.fingerprint, "name": p.name, "country": p.country, "version": p.card_version}
            for p in parties
        ],
        human=lambda: table(
            ["name", "country", "party", "card"],
            [[p.name, p.country, p.fingerprint, p.card_version] for p in parties],
        ),
    )
