"""Circles of parties: `circle propose`, `sign`, `leave`, `show`, `list`, `history`, `template`; more for blind ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpul.cli.blind_circles import COMMANDS
from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table

if TYPE_CHECKING:
    from simpul.services.chartering import CharterStanding


@click.group("circle", cls=Group, short_help="Propose, sign and leave circles of parties.")
def circle() -> None:
    """Propose, sign and leave circles.

    A circle is a group of parties under a charter. A threshold of its members signs every change, and whoever joins
    signs too; every change raises the epoch. Labels name a circle by its name.
    """


@circle.command("propose", short_help="Sign a charter and offer it to the members that it names.")
@click.argument("file", metavar="F.toml", type=click.Path(path_type=Path))
@acting(required=False)
@framed
def propose(call: Call, actor: Actor | None, file: Path) -> None:
    """Sign the charter in a TOML file (docs/reference/charter.md) and offer it to the members that it names.

    It is the first charter of a circle, or the next epoch of one that is in force here.
    """
    from simpul.services.chartering import propose as offer

    with opened(call) as node:
        standing = offer(node, file, signer(node, actor).name if actor else "")
    _print(call, standing)


@circle.command("sign", short_help="Sign a charter that a member proposed.")
@click.argument("wanted", metavar="ID")
@click.option(
    "--hash", "read", metavar="HASH", default="", help="Only the charter that was read, by its hash."
)
@acting(required=False)
@framed
def sign(call: Call, actor: Actor | None, wanted: str, read: str) -> None:
    """Sign the charter that is proposed for the circle ID. For one that names this node anew, that is how it joins."""
    from simpul.services.chartering import sign_charter

    with opened(call) as node:
        standing = sign_charter(node, wanted, signer(node, actor).name if actor else "", hash=read)
    _print(call, standing)


@circle.command("leave", short_help="Leave a circle.")
@click.argument("wanted", metavar="ID")
@acting(required=False)
@framed
def leave(call: Call, actor: Actor | None, wanted: str) -> None:
    """Leave the circle ID. No other signature is needed, and it holds at once."""
    from simpul.services.chartering import leave as go

    with opened(call) as node:
        standing = go(node, wanted, signer(node, actor).name if actor else "")
    _print(call, standing)


@circle.command("show", short_help="Show one circle, its charter and who signed.")
@click.argument("wanted", metavar="ID")
@click.option("--terms", is_flag=True, help="With --json: the charter itself.")
@framed
def show(call: Call, wanted: str, terms: bool) -> None:
    """Show one circle: what is proposed for it, else its newest epoch, who signed, and who has yet to catch up."""
    from simpul.services.chartering import show as look

    with opened(call) as node:
        standing = look(node, wanted)
    if terms and call.json:
        call.output.document(standing.terms)
        return
    _print(call, standing, human=lambda: [*_lines(standing), *standing.words])


@circle.command("list", short_help="List the circles: the newest epoch of each, and what is proposed.")
@framed
def list_(call: Call) -> None:
    """List the circles by name: the newest epoch of each, and what is proposed after it."""
    from simpul.services.chartering import list_circles

    with opened(call) as node:
        standings = list_circles(node)
    _print_all(call, standings)


@circle.command("history", short_help="List every epoch of one circle.")
@click.argument("wanted", metavar="ID")
@framed
def history(call: Call, wanted: str) -> None:
    """List every epoch of the circle ID that is known here, newest first."""
    from simpul.services.chartering import history as look_back

    with opened(call) as node:
        standings = look_back(node, wanted)
    _print_all(call, standings)


@circle.command("template", short_help="Write a charter to start from.")
@click.option("--out", metavar="F", type=click.Path(path_type=Path), help="Write it to this new file.")
@framed
def template(call: Call, out: Path | None) -> None:
    """Write a complete charter with a word on every key, to change and propose."""
    text = files("simpul.cli").joinpath("charter.toml").read_text()
    if out is None:
        call.output.document({"template": text}, human=text.splitlines)
        return
    _write_new(out, text)
    call.output.document({"template": str(out)}, human=lambda: [f"template   {out}"])


for each in COMMANDS:
    circle.add_command(each)


def _write_new(out: Path, text: str) -> None:
    from simpul.errors import InputFault

    try:
        with out.open("x") as file:
            file.write(text)
    except OSError as fault:
        raise InputFault(
            f"the template cannot be written: {fault.strerror}", input="--out", where=str(out)
        ) from fault


def _document(standing: CharterStanding) -> dict[str, Any]:
    return {
        "circle": standing.circle,
        "epoch": standing.epoch,
        "state": standing.state,
        "hash": standing.hash.hex(),
        "members": list(standing.members),
        "threshold": standing.threshold,
        "signed": list(standing.signed),
        "behind": list(standing.behind),
    }


def _lines(standing: CharterStanding) -> list[str]:
    shown = {**_document(standing), "members": len(standing.members), "signed": len(standing.signed)}
    del shown["behind"]
    return [f"{name:<10} {value}" for name, value in shown.items()]


def _print(call: Call, standing: CharterStanding, human: Callable[[], Iterable[str]] | None = None) -> None:
    call.output.document(_document(standing), human=human or (lambda: _lines(standing)))


def _print_all(call: Call, standings: list[CharterStanding]) -> None:
    call.output.document(
        [_document(s) for s in standings],
        human=lambda: table(
            ["circle", "epoch", "state", "members", "hash"],
            [[s.circle, s.epoch, s.state, len(s.members), s.hash.hex()[:16]] for s in standings],
        ),
    )
