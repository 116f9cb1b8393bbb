"""Agreements between parties: `agreement propose`, `sign`, `show`, `list`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table

if TYPE_CHECKING:
    from simpul.services.agreeing import Standing


@click.group("agreement", cls=Group, short_help="Propose, sign and list agreements.")
def agreement() -> None:
    """Propose, sign and list agreements. One is in force when every party named in it has signed the same bytes."""


@agreement.command("propose", short_help="Sign terms and offer them to the other parties.")
@click.argument("file", metavar="F.toml", type=click.Path(path_type=Path))
@acting(required=False)
@framed
def propose(call: Call, actor: Actor | None, file: Path) -> None:
    """Sign the terms in a TOML file (docs/reference/agreement.md) and offer them to the other parties named in it."""
    from simpul.services.agreeing import propose as offer

    with opened(call) as node:
        standing = offer(node, file, signer(node, actor).name if actor else "")
    _print(call, standing)


@agreement.command("sign", short_help="Sign an agreement that a partner proposed.")
@click.argument("wanted", metavar="ID")
@acting(required=False)
@framed
def sign(call: Call, actor: Actor | None, wanted: str) -> None:
    """Sign the newest version of an agreement that a partner proposed. ID is its id, or the start of its hash."""
    from simpul.services.agreeing import sign_agreement

    with opened(call) as node:
        standing = sign_agreement(node, wanted, signer(node, actor).name if actor else "")
    _print(call, standing)


@agreement.command("show", short_help="Show one agreement, its terms and who signed.")
@click.argument("wanted", metavar="ID")
@click.option("--terms", is_flag=True, help="With --json: the terms themselves.")
@framed
def show(call: Call, wanted: str, terms: bool) -> None:
    """Show one agreement, its terms and who has signed it."""
    from simpul.services.agreeing import show as look

    with opened(call) as node:
        standing = look(node, wanted)
    if terms and call.json:
        call.output.document(standing.terms)
        return
    _print(call, standing, human=lambda: [*_lines(standing), *standing.words])


@agreement.command("list", short_help="List every version of every agreement.")
@framed
def list_(call: Call) -> None:
    """List every version of every agreement, newest first."""
    from simpul.services.agreeing import list_agreements

    with opened(call) as node:
        standings = list_agreements(node)
    call.output.document(
        [_document(s) for s in standings],
        human=lambda: table(
            ["agreement", "version", "state", "hash"],
            [[s.agreement, s.version, s.state, s.hash.hex()[:16]] for s in standings],
        ),
    )


def _document(standing: Standing) -> dict[str, Any]:
    return {
        "agreement": standing.agreement,
        "version": standing.version,
        "hash": standing.hash.hex(),
        "state": standing.state,
    }


def _lines(standing: Standing) -> list[str]:
    return [f"{name:<10} {value}" for name, value in _document(standing).items()]


def _print(call: Call, standing: Standing, human: Callable[[], Iterable[str]] | None = None) -> None:
    call.output.document(_document(standing), human=human)
