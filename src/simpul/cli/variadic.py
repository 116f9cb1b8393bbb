"""Options that take several values after one name: `--to B C` means `--to B --to C`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from simpul.cli.frame import Command


class Variadic(Command):
    """A command whose repeatable options may also be written once with several values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spread the values before click reads them."""
        names = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        taking = {
            name
            for p in self.params
            if isinstance(p, click.Option) and not p.is_flag
            for name in (*p.opts, *p.secondary_opts)
        }
        positionals = sum(1 for p in self.params if isinstance(p, click.Argument) and p.required)
        return super().parse_args(ctx, spread(args, names, taking, positionals))


def spread(args: list[str], repeatable: Iterable[str], taking: Iterable[str], positionals: int) -> list[str]:
    """Repeat the option's name before each further value.

    Args:
        args: as typed.
        repeatable: names of options that may be given several times.
        taking: names of all options that take a value.
        positionals: how many arguments the command must have. Where too few are left because an option took them
            (`preview --to B ID`), the last value goes back to being an argument.
    """
    repeatable, taking = set(repeatable), set(taking)
    groups: list[list[str]] = []
    free = 0
    at = 0
    while at < len(args):
        word = args[at]
        if word == "--":
            groups.append(args[at:])
            free += len(args) - at - 1
            break
        if word in repeatable:
            stop = at + 2
            while stop < len(args) and not args[stop].startswith("-"):
                stop += 1
            groups.append(args[at:stop])
            at = stop
        elif word.startswith("-"):
            stop = at + (2 if word in taking else 1)
            groups.append(args[at:stop])
            at = stop
        else:
            groups.append([word])
            free += 1
            at += 1
    return _flattened(groups, repeatable, positionals - free)


def _flattened(groups: list[list[str]], repeatable: set[str], missing: int) -> list[str]:
    out: list[str] = []
    for group in reversed(groups):
        given_back: list[str] = []
        if group[0] in repeatable:
            while missing > 0 and len(group) > 2:
                given_back.insert(0, group.pop())
                missing -= 1
            out[:0] = [*_repeated(group), *given_back]
        else:
            out[:0] = group
    return out


def _repeated(group: list[str]) -> list[str]:
    """The option's name before each of its values; alone where it has none, so that click says what is missing."""
    return [word for value in group[1:] for word in (group[0], value)] or group
