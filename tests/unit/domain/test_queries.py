"""The search language: what a person types, as terms."""

from __future__ import annotations

import pytest

from simpul.domain.queries import Query, parse_query

ID = "indicator--6a3f0d7e-6d6c-4d9a-9c11-0d1f0b9f9a01"


def parsed(text: str) -> Query:
    return parse_query(text, now=0, party=str)


@pytest.mark.parametrize("text", [ID, f"id:{ID}", f'id:"{ID}"'])
def test_a_bare_stix_id_is_an_id(text: str) -> None:
    assert parsed(text) == Query(ids=(ID,))


@pytest.mark.parametrize(
    ("text", "word"), [(f'"{ID}"', ID), (f"see-{ID}-", f"see-{ID}-"), (ID[:-1], ID[:-1])]
)
def test_what_is_quoted_or_more_or_less_than_an_id_is_a_word(text: str, word: str) -> None:
    assert parsed(text) == Query(words=(word,))


def test_an_id_stands_beside_other_terms() -> None:
    assert parsed(f"harbour {ID} type:indicator") == Query(
        words=("harbour",), ids=(ID,), types=("indicator",)
    )
