"""Making a node: `init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simpul.cli.frame import Call, framed
from simpul.cli.variadic import Variadic


@click.command("init", cls=Variadic, short_help="Make this node: its home, keys and card.")
@click.option("--name", metavar="N", help="The party's name.")
@click.option("--country", metavar="XA", help="ISO 3166 code of two letters.")
@click.option(
    "--pseudonym",
    is_flag=True,
    help="In place of both: a home for a member of blind circles, whose card does not say whose it is.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the root key is written: outside the home, then kept offline.",
)
@click.option("--unencrypted", is_flag=True, help="Keep the home in the clear. For tests only.")
@click.option("--relay", "relays", multiple=True, metavar="URL", help="Relays this node reads from.")
@framed
def init(
    call: Call,
    name: str | None,
    country: str | None,
    pseudonym: bool,
    root: Path,
    unencrypted: bool,
    relays: tuple[str, ...],
) -> None:
    """Make this node: its home folder, keys and card.

    The home is encrypted under --kek FILE (made if absent; keep it outside the home) or under a passphrase
    (--home-passphrase-file F). With neither, --unencrypted must be said. The root key signs cards only: move its
    file to a place that is not connected to anything.
    """
    from simpul.app import found_node, found_pseudonym

    given = sum((call.kek is not None, call.home_passphrase_file is not None, unencrypted))
    if given != 1:
        raise click.UsageError("choose exactly one of --kek FILE, --home-passphrase-file F and --unencrypted")
    where: dict[str, Any] = {
        "root": root,
        "relays": relays,
        "kek": call.kek,
        "passphrase": call.home_passphrase(ask=False),
        "unencrypted": unencrypted,
    }
    if pseudonym:
        if name or country:
            raise click.UsageError("a pseudonym has no --name and no --country of its own")
        party = found_pseudonym(call.home, **where)
    else:
        if not name or not country:
            raise click.UsageError("state --name and --country, or --pseudonym")
        party = found_node(call.home, name=name, country=country, **where)
    call.output.document({"party": party, "fingerprint": party})
