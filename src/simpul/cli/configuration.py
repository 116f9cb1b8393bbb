"""Commands about the program itself: its settings, and completion in a shell."""

from __future__ import annotations

import os

import click

from simpul.cli.frame import Call, Command, Group, framed
from simpul.cli.output import table


@click.group("config", cls=Group, short_help="Explain this node's settings.")
def config() -> None:
    """Explain this node's settings."""


@config.command("explain", short_help="Show each setting, where it comes from, and what is wrong with it.")
@framed
def explain(call: Call) -> None:
    """Show each setting, where it comes from, and what is wrong with it.

    Settings stand in config.toml in the home; SIMPUL_ and the name in capitals wins over it. Exit 1 if one is wrong.
    """
    from simpul import config as settings

    rows = settings.explain(call.home, os.environ)
    cells = [(row.name, row.value, row.source, row.problem or "") for row in rows]
    call.output.finish(
        rows,
        lambda: table(("setting", "value", "source", "problem"), cells),
        ok=all(row.problem is None for row in rows),
    )


@click.command("completion", cls=Command, short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@framed
def completion(call: Call, shell: str) -> None:
    """Print the completion script of a shell.

    For bash: simpul completion bash > ~/.local/share/bash-completion/completions/simpul
    """
    from click.shell_completion import get_completion_class

    from simpul.cli.main import simpul

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(simpul, {}, "simpul", "_SIMPUL_COMPLETE").source()
    call.output.document({"shell": shell, "script": script}, script.splitlines)
