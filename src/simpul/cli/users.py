"""The people of this node: `user add`, `user list`, `user passphrase`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simpul.cli.frame import Call, Group, ask_passphrase, framed, read_passphrase
from simpul.cli.opening import opened
from simpul.cli.output import instant, table

if TYPE_CHECKING:
    from simpul.services.enrolling import UserCard


@click.group("user", cls=Group, short_help="Add and list the people of this node.")
def user() -> None:
    """Add and list the people of this node."""


@user.command("add", short_help="Add a person with a signing key of their own.")
@click.argument("name", required=False)
@click.option("--as", "acting_user", metavar="USER", help="The same as NAME.")
@click.option("--role", default="officer", show_default=True, help="officer, reviewer or operator.")
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the new user's passphrase, on its first line.",
)
@framed
def add(
    call: Call, name: str | None, acting_user: str | None, role: str, passphrase_file: Path | None
) -> None:
    """Add a person. The signing key is made now and sealed under the person's own passphrase."""
    from simpul.services.enrolling import add_user

    name = _one(name, acting_user)
    passphrase = _new(passphrase_file, "--passphrase-file", f"New passphrase of {name}")
    with opened(call) as node:
        made = add_user(node, name, role, passphrase)
    call.output.document(_document(made))


@user.command("list", short_help="List the people of this node.")
@framed
def list_(call: Call) -> None:
    """List the people of this node."""
    from simpul.services.enrolling import list_users

    with opened(call) as node:
        rows = [_document(row) for row in list_users(node)]
    call.output.document(
        rows,
        human=lambda: table(
            ["user", "role", "key", "since"],
            [[r["user"], r["role"], r["key"][:16], r["created"]] for r in rows],
        ),
    )


@user.command("passphrase", short_help="Change a person's passphrase.")
@click.argument("name", required=False)
@click.option("--as", "acting_user", metavar="USER", help="The same as NAME.")
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the present passphrase.",
)
@click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the new one.",
)
@framed
def passphrase(
    call: Call,
    name: str | None,
    acting_user: str | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
) -> None:
    """Seal a person's signing key under a new passphrase. The key itself stays the same."""
    from simpul.services.enrolling import change_passphrase

    name = _one(name, acting_user)
    old = (
        read_passphrase(passphrase_file, "--passphrase-file")
        if passphrase_file
        else ask_passphrase(f"Present passphrase of {name}", "--passphrase-file")
    )
    new = _new(new_passphrase_file, "--new-passphrase-file", f"New passphrase of {name}")
    with opened(call) as node:
        changed = change_passphrase(node, name, old, new)
    call.output.document(_document(changed))


def _one(name: str | None, acting_user: str | None) -> str:
    if (name is None) == (acting_user is None):
        raise click.UsageError("name one user, as NAME or with --as USER")
    return name or acting_user or ""


def _new(file: Path | None, option: str, prompt: str) -> bytes:
    return read_passphrase(file, option) if file else ask_passphrase(prompt, option, confirm=True)


def _document(card: UserCard) -> dict[str, str]:
    return {"user": card.user, "role": card.role, "key": card.key.hex(), "created": instant(card.created)}
