"""Checks the documents: every relative link leads to a file (and heading) of the repository.

Exit 1 with one line for each link that leads nowhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
SKIPPED = {".venv", ".git", "build", "data"}


def documents() -> list[Path]:
    """Every Markdown file of the repository."""
    return [
        file for file in sorted(ROOT.rglob("*.md")) if not SKIPPED.intersection(file.relative_to(ROOT).parts)
    ]


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as they are commonly made."""
    titles = HEADING.findall(text)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken(file: Path) -> Iterator[str]:
    """A sentence for each link of a document that leads nowhere."""
    for target in LINK.findall(CODE.sub("", file.read_text())):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        goal = (file.parent / path).resolve() if path else file
        if not goal.exists():
            yield f"{file.relative_to(ROOT)}: {target} does not exist"
        elif anchor and goal.suffix == ".md" and anchor not in anchors(goal.read_text()):
            yield f"{file.relative_to(ROOT)}: {target} has no such heading"


def main() -> int:
    """Prints what is broken, and how many documents were read."""
    files = documents()
    found = [line for file in files for line in broken(file)]
    print("\n".join([*found, f"{len(files)} documents, {len(found)} broken links"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
