"""The program `simpul`: the table of its commands, and how each ending becomes an exit code.

    0    done
    1    refused or failed; the error says what to do. A command with its own document prints that instead.
    2    called wrongly
    130  interrupted

With `--json` an error is one document on standard output; otherwise sentences on standard error. Nothing here is
imported beyond click: a command's module is imported when the command is called.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import click

from simpul import __version__
from simpul.cli.frame import DEBUG, LazyGroup
from simpul.cli.output import Output, leave
from simpul.errors import InputFault, SimpulError, StorageFull

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("simpul.cli.init:init", "Make this node: its home, keys and card."),
    "card": ("simpul.cli.cards:card", "Show, renew and add cards, the public records of parties."),
    "user": ("simpul.cli.users:user", "Add and list the people of this node."),
    "agreement": ("simpul.cli.agreements:agreement", "Propose, sign, suspend, denounce and list agreements."),
    "policy": ("simpul.cli.policy:policy", "Test policy, and see what a change would do."),
    "decision": ("simpul.cli.decisions:decision", "Replay decisions from the log."),
    "label": ("simpul.cli.label:label", "Export and import labels in other forms."),
    "circle": ("simpul.cli.circles:circle", "Propose, sign and leave circles of parties."),
    "overlay": ("simpul.cli.overlays:overlay", "Adopt this nation's own rules over every agreement."),
    "import": ("simpul.cli.importing:import_", "Import a bundle of objects, each whole or not at all."),
    "mark": ("simpul.cli.importing:mark", "Give objects a label."),
    "product": ("simpul.cli.products:product", "Make, preview, approve and release products."),
    "consent": ("simpul.cli.consent:consent", "Ask originators to let their words be passed on, and answer."),
    "recall": (
        "simpul.cli.recalls:recall",
        "Take back or narrow what was released, and see who answered.",
    ),
    "sync": ("simpul.cli.exchange:sync", "Send what waits and fetch what has come."),
    "inbox": ("simpul.cli.exchange:inbox", "List what partners have released to this node."),
    "quarantine": ("simpul.cli.exchange:quarantine", "List, admit or refuse what was set aside."),
    "feedback": ("simpul.cli.exchange:feedback", "Tell the originator what a product was worth."),
    "sight": ("simpul.cli.exchange:sight", "Report a sighting of an object or a value."),
    "show": ("simpul.cli.reading:show", "Show one object."),
    "export": ("simpul.cli.reading:export", "Write a bundle of the stored bytes."),
    "search": ("simpul.cli.reading:search", "Find objects and portions by words and values."),
    "receipts": ("simpul.cli.reading:receipts", "List the signed receipts of partners."),
    "status": ("simpul.cli.reading:status", "Say how this node is, and what waits."),
    "log": ("simpul.cli.log:log", "Show and verify the append-only log."),
    "serve": ("simpul.cli.nodes:serve", "Run this node."),
    "relay": ("simpul.cli.nodes:relay", "Run a blind relay."),
    "config": ("simpul.cli.configuration:config", "Explain this node's settings."),
    "demo": ("simpul.cli.demo:demo", "Run three nations and a relay on this machine."),
    "completion": ("simpul.cli.configuration:completion", "Print the completion script of a shell."),
}


@click.command(
    "simpul",
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, message="simpul %(version)s")
def simpul() -> None:
    """Nations exchange intelligence, sealed end to end, on each nation's own terms."""


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the program on the arguments, by default those of the process, and ends it."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    output = Output(json="--json" in words)
    try:
        leave(_call(words, output))
    except BrokenPipeError:
        # The reader has gone; Python would complain once more when it closes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(FAILED)


def _call(words: list[str], output: Output) -> int:
    """The exit code of one call; whatever went wrong has been said."""
    try:
        ended = simpul.main(args=words, prog_name="simpul", standalone_mode=False)
    except click.Abort:
        output.note("simpul: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as fault:  # noqa: BLE001 - the outermost edge: nothing may leave as a bare traceback
        error = as_error(fault)
        output.failure(error)
        return MISUSED if isinstance(error, Misuse) else FAILED
    return ended if isinstance(ended, int) else DONE


class Misuse(SimpulError):
    """The program was called wrongly; exit 2."""

    code = "usage"


class Defect(SimpulError):
    """Simpul itself failed. Says the kind of failure and its place in the program, never what it worked on."""

    code = "internal"


def as_error(fault: Exception) -> SimpulError:
    """What went wrong, as one of our own errors."""
    if isinstance(fault, SimpulError):
        return fault
    if isinstance(fault, click.UsageError):
        return _misuse(fault)
    if isinstance(fault, click.ClickException):
        return InputFault(fault.format_message())
    if isinstance(fault, OSError) and fault.errno == errno.ENOSPC:
        return StorageFull("the disk is full", input=_file(fault), do="make room, then run the command again")
    if isinstance(fault, OSError) and fault.filename is not None:
        return InputFault(f"a file cannot be used: {fault.strerror}", input=_file(fault))
    return _defect(fault)


def _file(fault: OSError) -> str | None:
    return None if fault.filename is None else os.fsdecode(fault.filename)


def _misuse(fault: click.UsageError) -> Misuse:
    path = "simpul" if fault.ctx is None else fault.ctx.command_path
    do = f"see `{path} --help`"
    if isinstance(fault, click.exceptions.NoArgsIsHelpError):
        return Misuse("a command is missing", input=path, do=do)
    parameter = getattr(fault, "param", None)
    named = parameter.opts[0] if isinstance(parameter, click.Option) else None
    return Misuse(fault.format_message().rstrip("."), input=named, do=do)


def _defect(fault: Exception) -> Defect:
    if os.environ.get(DEBUG):
        traceback.print_exception(fault)
    frames = traceback.extract_tb(fault.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}simpul{os.sep}" in frame.filename]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else None
    return Defect(
        f"Simpul failed in a way it should not ({type(fault).__name__})",
        where=place,
        do=f"report it with this place; {DEBUG}=1 shows the whole trace, which can hold content",
    )
