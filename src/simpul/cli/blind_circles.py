"""Blind circles: `circle enrol`, `vouch`, `roster`, `admit`, `expel`, `pad`, `exclude`, `exclusions`, `scrub-check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simpul.cli.frame import Actor, Call, Command, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table


@click.command("enrol", cls=Command, short_help="Ask to be in a blind circle; in a pseudonym's home.")
@click.argument("circle", metavar="ID")
@click.option("--convener", required=True, metavar="P", help="The convener, whose card is here.")
@click.option(
    "--out", required=True, metavar="F", type=click.Path(path_type=Path), help="The file to hand over."
)
@acting(required=False)
@framed
def enrol(call: Call, actor: Actor | None, circle: str, convener: str, out: Path) -> None:
    """Write the file by which this pseudonym asks to be in the blind circle ID.

    Carry it by hand to the home of the party whose pseudonym this is, `simpul circle vouch` it there, and destroy it:
    whoever has the file and that home's name knows whose the pseudonym is.
    """
    from simpul.services.pseudonyms import ask

    with opened(call) as node:
        data = ask(node, circle, convener, signer(node, actor).name if actor else "")
    _write_new(out, data)
    call.output.document({"circle": circle, "enrolment": str(out)})


def _write_new(out: Path, data: bytes) -> None:
    from simpul.errors import InputFault

    try:
        with out.open("xb") as file:
            file.write(data)
    except OSError as fault:
        raise InputFault(
            f"the enrolment cannot be written: {fault.strerror}", input="--out", where=str(out)
        ) from fault


@click.command("vouch", cls=Command, short_help="Say to the convener that a pseudonym is this party's own.")
@click.argument("file", metavar="F", type=click.Path(path_type=Path))
@acting(required=False)
@framed
def vouch(call: Call, actor: Actor | None, file: Path) -> None:
    """Send the enrolment in a file to the convener that it names, and to nobody else."""
    from simpul.services.pseudonyms import vouch as send

    with opened(call) as node:
        enrolment = send(node, file, signer(node, actor).name if actor else "")
    call.output.document({"circle": enrolment.circle, "convener": enrolment.convener})


@click.command("roster", cls=Command, short_help="Show whose each pseudonym is; at the convener.")
@click.argument("circle", metavar="ID")
@framed
def roster(call: Call, circle: str) -> None:
    """Show the roster of the blind circle ID, which no other home has: whose each pseudonym is, and the dummies."""
    from simpul.services.rostering import roster as look

    with opened(call) as node:
        found = look(node, circle)
    rows = [
        {"pseudonym": each.pseudonym, "state": each.state, "party": each.party, "name": name}
        for each, name in found
    ]
    call.output.document(
        rows,
        human=lambda: table(
            ["pseudonym", "state", "whose"], [[each.pseudonym, each.state, name] for each, name in found]
        ),
    )


@click.command("admit", cls=Command, short_help="Certify the pseudonym that a party vouched for.")
@click.argument("circle", metavar="ID")
@click.argument("wanted", metavar="P")
@acting(required=False)
@framed
def admit(call: Call, actor: Actor | None, circle: str, wanted: str) -> None:
    """Certify the pseudonym that party P vouched for; the next charter of ID names it."""
    from simpul.services.rostering import admit as certify

    with opened(call) as node:
        entry = certify(node, circle, wanted, signer(node, actor).name if actor else "")
    call.output.document({"circle": circle, "pseudonym": entry.pseudonym, "state": entry.state})


@click.command("expel", cls=Command, short_help="Leave a pseudonym out of the next charter.")
@click.argument("circle", metavar="ID")
@click.argument("wanted", metavar="P")
@acting(required=False)
@framed
def expel(call: Call, actor: Actor | None, circle: str, wanted: str) -> None:
    """Leave the pseudonym of party P out of the next charter of ID. Propose that charter next."""
    from simpul.services.rostering import expel as leave_out

    with opened(call) as node:
        entry = leave_out(node, circle, wanted, signer(node, actor).name if actor else "")
    call.output.document({"circle": circle, "pseudonym": entry.pseudonym, "state": entry.state})


@click.command("pad", cls=Command, short_help="Make the dummies that the next charter lacks.")
@click.argument("circle", metavar="ID")
@acting(required=False)
@framed
def pad(call: Call, actor: Actor | None, circle: str) -> None:
    """Make as many dummies as the next charter of ID lacks: pseudonyms of nobody, whose keys are destroyed at once.

    Each opens a mailbox at this node's relays, which must be reachable.
    """
    from tempfile import TemporaryDirectory

    from simpul.app import found_dummy
    from simpul.services.rostering import add_dummy, dummies_short

    with opened(call) as node:
        by = signer(node, actor).name if actor else ""
        missing = dummies_short(node, circle)
        for _ in range(missing):
            with TemporaryDirectory() as folder:
                add_dummy(node, found_dummy(node, circle, Path(folder)), by)
    call.output.document({"circle": circle, "dummies": missing})


@click.command(
    "exclude", cls=Command, short_help="Ask the convener whom to release to so that a party gets nothing."
)
@click.argument("circle", metavar="ID")
@click.option("--party", required=True, metavar="FINGERPRINT", help="The party; only the convener is told.")
@acting(required=False)
@framed
def exclude(call: Call, actor: Actor | None, circle: str, party: str) -> None:
    """Ask the convener of the blind circle ID for a list of members that a label may name, without a party's own."""
    from simpul.services.excluding import exclude as ask

    with opened(call) as node:
        asked = ask(node, circle, party, signer(node, actor).name if actor else "")
    call.output.document({"circle": circle, "asked": asked.hex()})


@click.command("exclusions", cls=Command, short_help="List the exclusions that the convener attested.")
@click.argument("circle", metavar="ID")
@framed
def exclusions(call: Call, circle: str) -> None:
    """List what the convener of ID attested, newest first, each with the line for a label file."""
    from simpul.services.excluding import exclusions as look

    with opened(call) as node:
        found = look(node, circle)
    rows: list[dict[str, Any]] = [
        {"hash": each.hash.hex(), "asked": each.asked.hex(), "newest": each.newest, "label": each.label}
        for each in found
    ]
    call.output.document(
        rows,
        human=lambda: [
            line
            for each in found
            for line in (
                f"{each.asked.hex()}  {'may be used' if each.newest else 'ask anew: the charter changed'}",
                f"  {each.label}",
            )
        ],
    )


@click.command("scrub-check", cls=Command, short_help="Show what in a STIX file tells whose it is.")
@click.argument("file", metavar="F.json", type=click.Path(path_type=Path))
@framed
def scrub_check(call: Call, file: Path) -> None:
    """Show every place in a STIX file that points at this party, before it is carried to a pseudonym's home.

    Run it in the home of the party itself. That nothing is shown is no promise: style, timing and what an object is
    about are not looked at.
    """
    from simpul.services.scrubbing import scrub_check as look

    with opened(call) as node:
        found = look(node, file)
    call.output.document(
        [{"id": each.id, "where": each.where, "why": each.why} for each in found],
        human=lambda: table(["id", "where", "why"], [[each.id, each.where, each.why] for each in found]),
    )


COMMANDS = (enrol, vouch, roster, admit, expel, pad, exclude, exclusions, scrub_check)
"""What `simpul circle` has besides the commands for every circle."""
