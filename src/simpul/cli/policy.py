"""Policy before it is adopted: `policy test` and `policy diff`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simpul.cli.frame import Call, Group, framed
from simpul.cli.opening import opened
from simpul.cli.output import table

if TYPE_CHECKING:
    from simpul.domain.laboratory import Result
    from simpul.services.policy_diffing import Difference


@click.group("policy", cls=Group, short_help="Test policy, and see what a change would do.")
def policy() -> None:
    """Test policy without a home, and see what a change of policy would do before it is adopted."""


@policy.command("test", short_help="Decide the cases of a laboratory file.")
@click.argument("file", metavar="FILE.yaml", type=click.Path(path_type=Path))
@framed
def test(call: Call, file: Path) -> None:
    """Decide every case of a laboratory file (docs/reference/laboratory.md) and compare it with what it must come to.

    It needs no home: the file holds parties, circles, agreements, overlays and cases. Exit 1 if any case fails.
    """
    from simpul.api.documents import laboratory
    from simpul.domain.laboratory import run
    from simpul.formats.laboratory import read_laboratory
    from simpul.services.small_files import read_small

    results = run(read_laboratory(read_small(file), input=str(file)))
    failed = sum(not each.ok for each in results)
    call.output.finish(
        laboratory(results),
        lambda: _results(results, failed),
        ok=not failed,
    )


def _results(results: list[Result], failed: int) -> Iterable[str]:
    rows = [["ok" if e.ok else "FAILED", e.name, e.outcome, e.clause, _expected(e)] for e in results]
    yield from table(["", "case", "outcome", "clause", "must be"], rows)
    yield f"{len(results) - failed} passed, {failed} failed"


def _expected(result: Result) -> str:
    if result.ok:
        return ""
    wanted = result.expected
    duties = "" if wanted.obligations is None else f" with {', '.join(wanted.obligations) or 'no duties'}"
    return f"{wanted.outcome}{f' by {wanted.clause}' if wanted.clause else ''}{duties}"


@policy.command("diff", short_help="Show whose access a change of policy would change.")
@click.argument("old", metavar="OLD.toml", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW.toml", type=click.Path(path_type=Path))
@click.option("--at", metavar="TIME", help="As of this moment. [now, or when NEW begins if that is later]")
@framed
def diff(call: Call, old: Path, new: Path, at: str | None) -> None:
    """Show whose access changes when NEW takes the place of OLD, over the labels of this home, before it is adopted.

    Both are agreement files, or both are overlay files; `-` stands for none. Nothing is changed by looking.
    """
    from simpul.services.policy_diffing import policy_difference
    from simpul.services.times import microseconds

    moment = None if at is None else microseconds(at, input="--at")
    with opened(call) as node:
        found = policy_difference(node, old, new, at=moment)
    call.output.document(found.document(), lambda: _changes(found))


def _changes(found: Difference) -> Iterable[str]:
    if found.changes:
        rows = [
            [
                e.name,
                e.purpose,
                e.objects,
                e.words,
                f"{e.before.outcome.word} ({e.before.clause})",
                f"{e.after.outcome.word} ({e.after.clause})",
            ]
            for e in found.changes
        ]
        yield from table(["recipient", "purpose", "objects", "label", "before", "after"], rows)
    narrower = len(found.changes) - found.wider
    yield f"{found.wider} wider, {narrower} narrower, {found.unchanged} unchanged, over {found.labels} labels"
