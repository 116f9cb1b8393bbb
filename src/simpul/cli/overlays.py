"""This nation's own rules over every agreement: `overlay propose`, `adopt`, `show`, `list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table

if TYPE_CHECKING:
    from simpul.services.overlaying import Adopted


@click.group("overlay", cls=Group, short_help="Adopt this nation's own rules over every agreement.")
def overlay() -> None:
    """Adopt rules of this nation that restrict every agreement further. They stay here and are never sent."""


_file = click.argument("file", metavar="F.toml", type=click.Path(path_type=Path))


@overlay.command("propose", short_help="Offer rules for adoption by a second person.")
@_file
@acting(required=True)
@framed
def propose(call: Call, actor: Actor, file: Path) -> None:
    """Offer the rules in a TOML file (docs/reference/overlay.md). They decide nothing until another person adopts them.

    `simpul policy diff - F.toml` shows first whose access would change.
    """
    from simpul.services.overlaying import propose_overlay

    with opened(call) as node:
        _print(call, propose_overlay(node, signer(node, actor), file))


@overlay.command("adopt", short_help="Adopt the rules that another person proposed.")
@_file
@acting(required=True)
@framed
def adopt(call: Call, actor: Actor, file: Path) -> None:
    """Adopt the same file that another person proposed: from now on it restricts every decision of this node."""
    from simpul.services.overlaying import adopt_overlay

    with opened(call) as node:
        _print(call, adopt_overlay(node, signer(node, actor), file))


@overlay.command("show", short_help="Show the rules in force, or one version.")
@click.option(
    "--version", type=click.IntRange(1), metavar="N", help="This version; the one in force if not said."
)
@framed
def show(call: Call, version: int | None) -> None:
    """Show the rules in force, or one version, as TOML."""
    from simpul.services.overlaying import show_overlay

    with opened(call) as node:
        _print(call, show_overlay(node, version))


@overlay.command("list", short_help="List every version of the rules.")
@framed
def list_(call: Call) -> None:
    """List every version of this nation's rules, newest first, and what waits for a second person."""
    from simpul.api.documents import overlay as document
    from simpul.services.overlaying import list_overlays

    with opened(call) as node:
        found = list_overlays(node)
    call.output.document(
        [document(each) for each in found],
        human=lambda: table(
            ["version", "state", "rules", "by", "title"],
            [[o.version, o.state, o.rules, ", ".join(o.by), o.title] for o in found],
        ),
    )


def _print(call: Call, found: Adopted) -> None:
    from simpul.api.documents import overlay as document

    call.output.document(
        document(found) | {"terms": found.words},
        human=lambda: [
            f"version {found.version}, {found.state}, by {', '.join(found.by)}",
            "",
            *found.words.splitlines(),
        ],
    )
