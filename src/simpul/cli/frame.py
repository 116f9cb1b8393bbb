"""What every command shares: where the home is, who acts, and how to print.

    @click.command("show", cls=Command, short_help="Show one object in all its versions.")
    @click.argument("wanted", metavar="ID")
    @acting(required=False)
    @framed
    def show(call: Call, actor: Actor | None, wanted: str) -> None: ...

`--home`, `--kek`, `--home-passphrase-file` and `--json` belong to every command and group, and may stand before and
after its name. The one nearest the end of the line wins; each one wins over the environment.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click
from click.shell_completion import CompletionItem

from simpul.cli.output import Output
from simpul.errors import InputFault

P = ParamSpec("P")
R = TypeVar("R")

HOME: Final = "SIMPUL_HOME"
KEK: Final = "SIMPUL_KEK_FILE"
PASSPHRASE_FILE: Final = "SIMPUL_HOME_PASSPHRASE_FILE"  # noqa: S105 - a name, no passphrase
DEBUG: Final = "SIMPUL_DEBUG"

DEFAULT_HOME: Final = Path("~/.simpul")
"""Where the home is when neither `--home` nor `SIMPUL_HOME` says so."""

PASSPHRASE_LIMIT: Final = 4096
"""Bytes read of a passphrase file. A longer file is the wrong file."""

_SHARED: Final = "simpul.shared"


@dataclass(frozen=True)
class Call:
    """One call of the program: where the home is, what unlocks it, and how to print.

    Attributes:
        home: the home folder; it need not exist.
        kek: the file with the key-encryption key, if one was named.
        home_passphrase_file: the file with the home's passphrase, if one was named.
        output: what prints.
    """

    home: Path
    kek: Path | None
    home_passphrase_file: Path | None
    output: Output

    @property
    def json(self) -> bool:
        """Whether standard output must hold one JSON document."""
        return self.output.json

    def home_passphrase(self, *, ask: bool) -> bytes | None:
        """The home's passphrase from its file, or asked for at a terminal; None where there is neither.

        Raises:
            InputFault: the file cannot be read, or `ask` and standard input is no terminal.
        """
        if self.home_passphrase_file is not None:
            return read_passphrase(self.home_passphrase_file, "--home-passphrase-file")
        return ask_passphrase("Passphrase of this home", "--home-passphrase-file") if ask else None


@dataclass(frozen=True)
class Actor:
    """The person for whom a command acts. The passphrase is read when it is needed, not before."""

    user: str
    passphrase_file: Path | None

    def passphrase(self) -> bytes:
        """The acting user's passphrase, from the file or asked for at a terminal.

        Raises:
            InputFault: the file cannot be read, or there is none and standard input is no terminal.
        """
        if self.passphrase_file is not None:
            return read_passphrase(self.passphrase_file, "--passphrase-file")
        return ask_passphrase(f"Passphrase of {self.user}", "--passphrase-file")


def read_passphrase(file: Path, option: str) -> bytes:
    """The first line of a file, without its line end.

    Raises:
        InputFault: the file cannot be read, is empty, or is longer than a passphrase can be.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(PASSPHRASE_LIMIT + 1)
    except OSError as fault:
        raise InputFault(
            f"the passphrase file cannot be read: {fault.strerror}", input=option, where=str(file)
        ) from fault
    line = text.split(b"\n", 1)[0].removesuffix(b"\r")
    if not line or len(text) > PASSPHRASE_LIMIT:
        raise InputFault(
            "the passphrase file holds no passphrase in its first line",
            input=option,
            where=str(file),
            do=f"put the passphrase alone on the first line (at most {PASSPHRASE_LIMIT} bytes)",
        )
    return line


def ask_passphrase(prompt: str, option: str, *, confirm: bool = False) -> bytes:
    """Asks at the terminal, without echo and on standard error; twice with `confirm`.

    Raises:
        InputFault: standard input is no terminal, so nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise InputFault(
            "a passphrase is needed, and standard input is not a terminal to ask at",
            input=option,
            do=f"give {option} FILE",
        )
    text: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return text.encode()


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keeps the value that stands furthest to the right: inner contexts are parsed after outer ones."""
    if value is not None and parameter.name is not None:
        context.meta.setdefault(_SHARED, {})[parameter.name] = value


def shared_options() -> list[click.Parameter]:
    """Fresh copies of the options that every command and group takes."""
    path = click.Path(path_type=Path)
    return [
        click.Option(
            ["--home"],
            type=path,
            metavar="DIR",
            expose_value=False,
            callback=_remember,
            help=f"This node's home folder. [{HOME}; else {DEFAULT_HOME}]",
        ),
        click.Option(
            ["--kek"],
            type=path,
            metavar="FILE",
            expose_value=False,
            callback=_remember,
            help=f"File with the key-encryption key; it lives outside the home. [{KEK}]",
        ),
        click.Option(
            ["--home-passphrase-file"],
            type=path,
            metavar="FILE",
            expose_value=False,
            callback=_remember,
            help=f"File with the home's passphrase. [{PASSPHRASE_FILE}]",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            default=None,
            expose_value=False,
            callback=_remember,
            help="Print one JSON document on standard output.",
        ),
    ]


class Command(click.Command):
    """A command that also takes the shared options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


class Group(click.Group):
    """A group that also takes the shared options, as do its commands."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


class LazyGroup(Group):
    """A group whose commands are imported when they are called.

    `table` maps a name to ("module:attribute", the line that `--help` shows). A test holds each line equal to the
    command's own `short_help`.
    """

    def __init__(self, *args: Any, table: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        del ctx
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is not a command")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, again without importing any."""
        names = [name for name in self.table if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.table[name][1]) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands from the table, importing none of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])


def call_of(context: click.Context) -> Call:
    """The call that a context belongs to: the shared options over the environment over the defaults."""
    given: dict[str, Any] = context.meta.get(_SHARED, {})

    def path(name: str, variable: str) -> Path | None:
        if name in given:
            return Path(given[name]).expanduser()
        value = os.environ.get(variable)
        return Path(value).expanduser() if value else None

    return Call(
        home=path("home", HOME) or DEFAULT_HOME.expanduser(),
        kek=path("kek", KEK),
        home_passphrase_file=path("home_passphrase_file", PASSPHRASE_FILE),
        output=Output(json=bool(given.get("json"))),
    )


def framed(function: Callable[Concatenate[Call, P], R]) -> Callable[P, R]:
    """Hands the command its `Call` as first argument. It is the decorator nearest to the function."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(call_of(click.get_current_context()), *args, **kwargs)

    return wrapped


def acting(*, required: bool) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Adds `--as USER` and `--passphrase-file F`, and hands the command `actor` (None where nobody was named).

    `--passphrase-file` is the acting user's in every command.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def wrapped(*args: Any, acting_user: str | None, passphrase_file: Path | None, **kwargs: Any) -> R:
            if passphrase_file is not None and acting_user is None:
                raise click.UsageError("--passphrase-file is the acting user's: say who, with --as USER")
            actor = None if acting_user is None else Actor(acting_user, passphrase_file)
            return function(*args, actor=actor, **kwargs)

        decorated = click.option(
            "--passphrase-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="File with the acting user's passphrase, on its first line.",
        )(wrapped)
        return click.option(
            "--as", "acting_user", metavar="USER", required=required, help="The user who acts."
        )(decorated)

    return decorate
