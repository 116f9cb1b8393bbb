"""Agreements between parties: `agreement propose`, `counter`, `sign`, `show`, `diff`, `suspend`, `denounce` and the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table

if TYPE_CHECKING:
    from simpul.services.agreeing import Standing
    from simpul.services.node import Node


@click.group("agreement", cls=Group, short_help="Propose, sign, suspend, denounce and list agreements.")
def agreement() -> None:
    """Agreements from the first proposal to their end. One is in force when every party named in it has signed the same bytes."""


_wanted = click.argument("wanted", metavar="ID")
_reason = click.option("--reason", required=True, help="Why, in words; every party reads it.")


@agreement.command("template", short_help="Write an agreement to start from.")
@click.argument("kind", metavar="[bilateral]", type=click.Choice(["bilateral"]), default="bilateral")
@click.option("--out", metavar="F", type=click.Path(path_type=Path), help="Write it to this new file.")
@framed
def template(call: Call, kind: str, out: Path | None) -> None:
    """Write a complete agreement with a word on every key, to change and propose."""
    text = files("simpul.cli").joinpath(f"{kind}.toml").read_text()
    if out is None:
        call.output.document({"template": text}, human=text.splitlines)
        return
    _write_new(out, text)
    call.output.document({"template": str(out)}, human=lambda: [f"template   {out}"])


def _write_new(out: Path, text: str) -> None:
    from simpul.errors import InputFault

    try:
        with out.open("x") as file:
            file.write(text)
    except OSError as fault:
        raise InputFault(
            f"the template cannot be written: {fault.strerror}", input="--out", where=str(out)
        ) from fault


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


@agreement.command("counter", short_help="Answer a proposal with other terms.")
@_wanted
@click.argument("file", metavar="F.toml", type=click.Path(path_type=Path))
@acting(required=False)
@framed
def counter(call: Call, actor: Actor | None, wanted: str, file: Path) -> None:
    """Answer a proposal with other terms. They become its next version and replace it; `agreement diff` shows what changed."""
    from simpul.services.agreeing import counter as answer

    with opened(call) as node:
        standing = answer(node, wanted, file, signer(node, actor).name if actor else "")
    _print(call, standing)


@agreement.command("sign", short_help="Sign an agreement that a partner proposed.")
@_wanted
@acting(required=False)
@framed
def sign(call: Call, actor: Actor | None, wanted: str) -> None:
    """Sign the newest version of an agreement that a partner proposed. ID is its id, or the start of its hash."""
    from simpul.services.agreeing import sign_agreement

    with opened(call) as node:
        standing = sign_agreement(node, wanted, signer(node, actor).name if actor else "")
    _print(call, standing)


@agreement.command("decline", short_help="Say no to a proposal.")
@_wanted
@_reason
@acting(required=False)
@framed
def decline(call: Call, actor: Actor | None, wanted: str, reason: str) -> None:
    """Say no to the newest proposal of an agreement, which this node has not signed. It is withdrawn then."""
    _act(call, actor, wanted, "decline", reason)


@agreement.command("suspend", short_help="Stop an agreement at once.")
@_wanted
@_reason
@acting(required=False)
@framed
def suspend(call: Call, actor: Actor | None, wanted: str, reason: str) -> None:
    """Stop an agreement at once: nothing goes or comes under it until every party signs that it goes on."""
    _act(call, actor, wanted, "suspend", reason)


@agreement.command("denounce", short_help="End an agreement after its notice.")
@_wanted
@_reason
@acting(required=False)
@framed
def denounce(call: Call, actor: Actor | None, wanted: str, reason: str) -> None:
    """End an agreement for good, after the days of notice that it states. Until then it is in force."""
    _act(call, actor, wanted, "denounce", reason)


@agreement.command("resume", short_help="End a suspension, with the other parties.")
@_wanted
@click.option("--reason", default="", help="Why, in words; every party reads it.")
@acting(required=False)
@framed
def resume(call: Call, actor: Actor | None, wanted: str, reason: str) -> None:
    """Offer to end every suspension of an agreement, or sign what a partner offered. It goes on when all have signed."""
    from simpul.services.suspending import resume as go_on

    with opened(call) as node:
        _show(call, node, go_on(node, wanted, reason, signer(node, actor).name if actor else ""))


def _act(call: Call, actor: Actor | None, wanted: str, act: str, reason: str) -> None:
    from simpul.domain.acts import Act
    from simpul.services.suspending import do

    with opened(call) as node:
        _show(call, node, do(node, wanted, Act(act), reason, signer(node, actor).name if actor else ""))


def _show(call: Call, node: Node, id: str) -> None:
    """What was done to an agreement shows in the version that binds, or else in its newest."""
    from simpul.services.agreeing import show_binding

    _print(call, show_binding(node, id))


@agreement.command("show", short_help="Show one agreement, its terms, who signed and what was done to it.")
@_wanted
@click.option("--terms", is_flag=True, help="With --json: the terms themselves.")
@framed
def show(call: Call, wanted: str, terms: bool) -> None:
    """Show one agreement: its terms with reservations, who has signed it, and what was done to it."""
    from simpul.services.agreeing import show as look

    with opened(call) as node:
        standing = look(node, wanted)
    if terms and call.json:
        call.output.document(standing.terms)
        return
    _print(call, standing, human=lambda: [*_lines(standing), *standing.words])


@agreement.command("diff", short_help="Show clause by clause what differs between two versions.")
@_wanted
@click.argument("first", metavar="[V1]", type=click.IntRange(min=1), required=False)
@click.argument("second", metavar="[V2]", type=click.IntRange(min=1), required=False)
@framed
def diff(call: Call, wanted: str, first: int | None, second: int | None) -> None:
    """Show clause by clause what differs between two versions: without numbers, the newest and what it answers."""
    from simpul.api.documents import clause_change
    from simpul.services.recounting import difference

    with opened(call) as node:
        found = difference(node, wanted, first, second)
    call.output.document(
        [clause_change(each) for each in found],
        human=lambda: (
            [
                line
                for each in found
                for line in (each.clause, f"  - {_words(each.before)}", f"  + {_words(each.after)}")
            ]
            or ["no clause differs"]
        ),
    )


@agreement.command("history", short_help="Show every step of an agreement.")
@_wanted
@framed
def history(call: Call, wanted: str) -> None:
    """Show every step of an agreement, oldest first: who took it, about which version, and where it stood then."""
    from simpul.api.documents import agreement_event
    from simpul.services.recounting import history as steps
    from simpul.services.times import rfc3339

    with opened(call) as node:
        events = steps(node, wanted)
    call.output.document(
        [agreement_event(each) for each in events],
        human=lambda: table(
            ["at", "step", "by", "version", "then"],
            [[rfc3339(e.at), e.step, e.name, e.version, e.state_after] for e in events],
        ),
    )


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


def _words(value: Any) -> str:
    """One value of a clause on one line."""
    return "not stated" if value is None else json.dumps(value, ensure_ascii=False)


def _document(standing: Standing) -> dict[str, Any]:
    from simpul.api.documents import standing as document

    return document(standing)


def _lines(standing: Standing) -> list[str]:
    return [f"{name:<10} {value}" for name, value in _document(standing).items()]


def _print(call: Call, standing: Standing, human: Callable[[], Iterable[str]] | None = None) -> None:
    call.output.document(_document(standing), human=human)
