"""The parts that several STIX types share: external references, kill chain phases, granular markings (STIX 2.1 §2, §7)."""

from __future__ import annotations

from typing import Final

from simpul.domain.stix_shapes import HASHES, TEXT, WORD, WORDS, enum, many, need, nested, record, ref

VERSION_2_1: Final = enum("2.1")

EXTERNAL_REFERENCES: Final = many(
    nested(
        record(
            "external-reference",
            source_name=need(TEXT),
            description=TEXT,
            url=TEXT,
            hashes=HASHES,
            external_id=TEXT,
            either=(("description", "url", "external_id"),),
        )
    )
)
KILL_CHAIN: Final = many(
    nested(record("kill-chain-phase", kill_chain_name=need(WORD), phase_name=need(TEXT)))
)
GRANULAR_MARKINGS: Final = many(
    nested(
        record(
            "granular-marking",
            marking_ref=ref("marking-definition"),
            lang=WORD,
            selectors=need(WORDS),
            either=(("marking_ref", "lang"),),
            not_both=(("marking_ref", "lang"),),
        )
    )
)
