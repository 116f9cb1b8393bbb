"""Taking back what was released: `recall issue`, `tighten`, `status`, `list`, `hold`, `waive`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table
from simpul.cli.variadic import Variadic
from simpul.domain.recalls import CODES

if TYPE_CHECKING:
    from simpul.services.recalling import Issued, RecallStatus, Wanted

F = TypeVar("F", bound=Callable[..., Any])


@click.group("recall", cls=Group, short_help="Take back or narrow what was released, and see who answered.")
def recall() -> None:
    """Take back or narrow what was released, and see who answered. One person's word suffices."""


def _naming(function: F) -> F:
    """The options that say what is meant, and why."""
    for option in (
        click.option(
            "--days", type=click.IntRange(1, 365), default=7, show_default=True, help="Days to answer in."
        ),
        click.option(
            "--code", type=click.Choice(CODES), default="other", show_default=True, help="Why, in a word."
        ),
        click.option("--reason", required=True, help="Why, in words that every holder reads."),
        click.option(
            "--object", "objects", multiple=True, metavar="ID", help="These objects, every version."
        ),
        click.option(
            "--version", type=click.IntRange(1), metavar="N", help="Of a product: this version alone."
        ),
        click.argument("product", metavar="[PRODUCT]", required=False),
    ):
        function = option(function)
    return function


@recall.command("issue", cls=Variadic, short_help="Take back a product or objects.")
@_naming
@click.option("--destroy-own", is_flag=True, help="Destroy this node's own record of the objects too.")
@acting(required=True)
@framed
def issue(
    call: Call,
    actor: Actor,
    product: str | None,
    version: int | None,
    objects: tuple[str, ...],
    reason: str,
    code: str,
    days: int,
    destroy_own: bool,
) -> None:
    """Take back a product of this node, or objects that it released, from everybody who may hold them."""
    from simpul.services.recalling import Why
    from simpul.services.recalling import issue as take_back

    wanted, why = _wanted(product, version, objects), Why(code=code, reason=reason, days=days)
    with opened(call) as node:
        issued = take_back(node, signer(node, actor), wanted, why, destroy_own=destroy_own)
    _print(call, issued)


@recall.command("tighten", cls=Variadic, short_help="Narrow the label of what was released.")
@_naming
@click.option(
    "--label",
    type=click.Path(path_type=Path),
    required=True,
    metavar="F.toml",
    help="What is joined onto it.",
)
@acting(required=True)
@framed
def tighten(
    call: Call,
    actor: Actor,
    product: str | None,
    version: int | None,
    objects: tuple[str, ...],
    reason: str,
    code: str,
    days: int,
    label: Path,
) -> None:
    """Join a label onto what was released, wherever it is held. It only narrows, and names no party."""
    from simpul.services.recalling import Why
    from simpul.services.recalling import tighten as narrow

    wanted, why = _wanted(product, version, objects), Why(code=code, reason=reason, days=days)
    with opened(call) as node:
        issued = narrow(node, signer(node, actor), wanted, why, label)
    _print(call, issued)


@recall.command("status", short_help="Show who answered, and what that proves.")
@click.argument("wanted", metavar="[HASH]", required=False)
@framed
def status(call: Call, wanted: str | None) -> None:
    """Show for each recall of this node, or for one, who has answered, who is overdue, and what they say."""
    from simpul.services.recalling import status as look

    with opened(call) as node:
        found = look(node, wanted)
    call.output.document([each.document() for each in found], human=lambda: _lines(found))


@recall.command("list", short_help="List every recall, issued or received.")
@framed
def list_(call: Call) -> None:
    """List every recall and restriction that is known here, newest first."""
    from simpul.services.recalling import list_recalls

    with opened(call) as node:
        found = list_recalls(node)
    call.output.document(
        [each.document() for each in found],
        human=lambda: (
            table(
                ["recall", "action", "by", "of", "state", "destroyed", "restricted", "not held"],
                [
                    [
                        each.recall.hash.hex()[:16],
                        each.recall.action.value,
                        each.author_name,
                        each.recall.product or f"{each.recall.named} objects",
                        each.recall.state.value,
                        each.recall.destroyed,
                        each.recall.restricted,
                        each.recall.not_held,
                    ]
                    for each in found
                ],
            )
            if found
            else ["nothing was taken back yet"]
        ),
    )


@recall.command("waive", short_help="Go on without a silent partner's recalls, after a restore.")
@click.argument("party", metavar="PARTY")
@acting(required=True)
@framed
def waive(call: Call, actor: Actor, party: str) -> None:
    """Go on after a restore although this partner has not said what it recalled since. The log names who decided."""
    from simpul.services.healing import waive_replay
    from simpul.services.querying import party_of

    with opened(call) as node:
        acting_person = signer(node, actor)
        with node.store.read() as unit:
            found = party_of(unit, party)
        waive_replay(node, acting_person, found.fingerprint)
    call.output.document({"party": found.fingerprint, "waived": True})


@recall.group(
    "hold", cls=Group, short_help="Keep things apart under a legal ground instead of destroying them."
)
def hold() -> None:
    """Keep things apart under a named legal ground instead of destroying them; answers to recalls say so."""


@hold.command("add", cls=Variadic, short_help="Name a ground, what it covers, and until when.")
@click.argument("ground", metavar="GROUND")
@click.option("--product", metavar="PRODUCT", help="What came with this product.")
@click.option("--object", "objects", multiple=True, metavar="ID", help="These objects.")
@click.option("--until", required=True, metavar="TIME", help="When it ends (RFC 3339): then it is destroyed.")
@acting(required=True)
@framed
def hold_add(
    call: Call, actor: Actor, ground: str, product: str | None, objects: tuple[str, ...], until: str
) -> None:
    """From now on, what is covered is kept out of every reach instead of destroyed, until the time is over."""
    from simpul.api.documents import hold as document
    from simpul.services.recalling import add_hold
    from simpul.services.times import microseconds

    with opened(call) as node:
        made = add_hold(
            node,
            signer(node, actor),
            ground,
            product=product,
            objects=objects,
            until=microseconds(until, input="--until"),
        )
    call.output.document(document(made))


@hold.command("list", short_help="List legal holds.")
@framed
def hold_list(call: Call) -> None:
    """List every legal hold, newest first."""
    from simpul.api.documents import hold as document
    from simpul.services.recalling import list_holds

    with opened(call) as node:
        found = list_holds(node)
    call.output.document([document(each) for each in found])


def _wanted(product: str | None, version: int | None, objects: tuple[str, ...]) -> Wanted:
    from simpul.services.recalling import Wanted

    if (product is None) == (not objects):
        raise click.UsageError("say what is meant: PRODUCT, or --object")
    if version is not None and product is None:
        raise click.UsageError("--version is a product's")
    return Wanted(product=product, version=version, objects=objects)


def _print(call: Call, issued: list[Issued]) -> None:
    from simpul.api.documents import issued as document

    call.output.document(
        document(issued),
        human=lambda: [
            f"{each.hash.hex()}  goes to {len(each.to)} parties at the next sync" for each in issued
        ],
    )


def _lines(found: list[RecallStatus]) -> Iterable[str]:
    if not found:
        return ["this node has taken nothing back"]
    lines: list[str] = []
    for each in found:
        kept = each.recall
        lines += [
            f"{kept.hash.hex()[:16]}  {kept.action.value} of {kept.product or f'{kept.named} objects'}: {kept.reason}",
            *table(
                [
                    "holder",
                    "state",
                    "destroyed",
                    "not held",
                    "held for law",
                    "backups until",
                    "passed on",
                    "waits for",
                ],
                [_row(party.document()) for party in each.parties],
            ),
            "",
        ]
    return [*lines, found[0].document()["proves"]]


def _row(said: dict[str, Any]) -> list[Any]:
    passed = said["passed_on"] or {"named": [], "others": 0}
    return [
        said["name"],
        said["state"],
        said["destroyed"],
        said["not_held"],
        sum(part["count"] for part in said["retained"]),
        said["backups_until"] or ("not stated" if said["at"] else None),
        len(passed["named"]) + passed["others"],
        said["pending"],
    ]
