"""What one nation observes meets the indicators of another, in whatever form it was recorded and whichever came first."""

from __future__ import annotations

from typing import Any

import pytest

from simpul.domain.mail import MatchRow
from simpul.formats.stix_ids import observable_id
from simpul.services.sighting import sight
from tests.federation.nations import DRAFTER, Nation, World
from tests.federation.objects import WHEN, indicator, label, stix

ADDRESS = indicator("address", "203.0.113.50")
ZONE = stix(
    "indicator",
    "zone",
    name="a zone",
    pattern="[domain-name:value = 'port.example.org']",
    pattern_type="stix",
    valid_from=WHEN,
)
WORDLESS = stix(
    "indicator",
    "wordless",
    name="a rule",
    pattern="rule a { condition: true }",
    pattern_type="yara",
    valid_from=WHEN,
)
HERE = label()


def observable(type: str, **properties: Any) -> dict[str, Any]:
    value = {"type": type, "spec_version": "2.1"} | properties
    return value | {"id": observable_id(type, value)}


SEEN = observable("ipv4-addr", value="203.0.113.50")


def observed(key: str, **properties: Any) -> dict[str, Any]:
    times = {"first_observed": WHEN, "last_observed": WHEN, "number_observed": 1}
    return stix("observed-data", key, **(times | properties))


def sighting(key: str, of: dict[str, Any]) -> dict[str, Any]:
    return stix("sighting", key, sighting_of_ref=of["id"])


OF_SEEN = observed("of-seen", object_refs=[SEEN["id"]])
EMBEDDED = observed(
    "embedded",
    objects={
        "0": {"type": "ipv4-addr", "value": "203.0.113.50"},
        "1": {"type": "file", "hashes": {"MD5": 5}, "name": ["no", "name"]},
        "2": {"type": "ipv4-addr"},
        "3": "no object",
        "4": {"type": "x-simpul-identifier", "kind": "shoe size", "value": "42"},
    },
)


def matches(nation: Nation) -> list[MatchRow]:
    with nation.node.store.read() as unit:
        return unit.mail.matches()


def briefly(nation: Nation) -> set[tuple[str, str, str]]:
    """Value, indicator and observation of each match; there is none twice."""
    rows = [(m.value, m.indicator, m.observation) for m in matches(nation)]
    assert len(rows) == len(set(rows))
    return set(rows)


def sends(world: World, source: Nation, target: Nation, *objects: dict[str, Any]) -> None:
    source.imports(label(target.name), *objects)
    source.releases(source.drafts(*objects), target)
    world.exchange(2)


FIRST = [True, False]


@pytest.mark.parametrize("indicator_first", FIRST)
@pytest.mark.parametrize(
    ("imported", "indicators", "expected"),
    [
        pytest.param([SEEN], [ADDRESS], {("203.0.113.50", SEEN["id"])}, id="an observable alone"),
        pytest.param([EMBEDDED], [ADDRESS], {("203.0.113.50", EMBEDDED["id"])}, id="embedded objects"),
        pytest.param(
            [SEEN, OF_SEEN], [ADDRESS], {("203.0.113.50", OF_SEEN["id"])}, id="observed-data names it"
        ),
        pytest.param(
            [sighting("s", ADDRESS)],
            [ADDRESS],
            {("203.0.113.50", sighting("s", ADDRESS)["id"])},
            id="a sighting of a partner's indicator",
        ),
        pytest.param(
            [sighting("w", WORDLESS)],
            [WORDLESS],
            {(WORDLESS["id"], sighting("w", WORDLESS)["id"])},
            id="a sighting of an indicator without values",
        ),
        pytest.param(
            [indicator("own", "203.0.113.50"), sighting("o", indicator("own", "203.0.113.50"))],
            [ADDRESS],
            {("203.0.113.50", sighting("o", indicator("own", "203.0.113.50"))["id"])},
            id="a sighting of an own indicator",
        ),
        pytest.param(
            [observable("domain-name", value="mail.port.example.org")],
            [ZONE],
            {
                (
                    "mail.port.example.org",
                    observable("domain-name", value="mail.port.example.org")["id"],
                )
            },
            id="a name under a zone",
        ),
        pytest.param(
            [observable("url", value="https://www.port.example.org/a")],
            [ZONE],
            {
                (
                    "https://www.port.example.org/a",
                    observable("url", value="https://www.port.example.org/a")["id"],
                )
            },
            id="an address on the web under a zone",
        ),
    ],
)
def test_an_observation_meets_an_indicator(
    world: World,
    arunika: Nation,
    borealia: Nation,
    imported: list[dict[str, Any]],
    indicators: list[dict[str, Any]],
    expected: set[tuple[str, str]],
    indicator_first: bool,
) -> None:
    if indicator_first:
        sends(world, arunika, borealia, *indicators)
        borealia.imports(HERE, *imported)
    else:
        borealia.imports(HERE, *imported)
        sends(world, arunika, borealia, *indicators)
    (wanted,) = indicators
    assert briefly(borealia) == {(value, wanted["id"], by) for value, by in expected}
    assert {(m.at, m.source) for m in matches(borealia)} == {(borealia.party, arunika.party)}


def test_a_sighting_says_why_it_is_a_match(world: World, arunika: Nation, borealia: Nation) -> None:
    sends(world, arunika, borealia, ADDRESS)
    borealia.imports(HERE, sighting("s", ADDRESS))
    (match,) = matches(borealia)
    assert match.reason == f"{sighting('s', ADDRESS)['id']} is a sighting of indicator {ADDRESS['id']}"
    assert borealia.status()["matches"] == [
        {"value": "203.0.113.50", "at": borealia.party, "from": arunika.party}
    ]


def test_observed_data_that_comes_later_takes_the_match_up(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    sends(world, arunika, borealia, ADDRESS)
    borealia.imports(HERE, SEEN)
    assert briefly(borealia) == {("203.0.113.50", ADDRESS["id"], SEEN["id"])}
    borealia.imports(HERE, OF_SEEN)
    assert briefly(borealia) == {("203.0.113.50", ADDRESS["id"], OF_SEEN["id"])}
    again = observed("again", object_refs=[SEEN["id"]])
    borealia.imports(HERE, again)
    assert briefly(borealia) == {
        ("203.0.113.50", ADDRESS["id"], OF_SEEN["id"]),
        ("203.0.113.50", ADDRESS["id"], again["id"]),
    }


def test_batches_of_one_import_make_no_second_match(world: World, arunika: Nation, borealia: Nation) -> None:
    sends(world, arunika, borealia, ADDRESS)
    borealia.limit(batch=1)
    borealia.imports(HERE, SEEN, OF_SEEN)
    assert briefly(borealia) == {("203.0.113.50", ADDRESS["id"], OF_SEEN["id"])}


def test_what_a_person_sights_is_named_by_its_observed_data(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    sends(world, arunika, borealia, ADDRESS)
    signer = borealia.people[DRAFTER]
    by_value = sight(borealia.node, signer, "203.0.113.50", times=1, when=None, quiet=True)
    assert [m.observation.partition("--")[0] for m in by_value.matches] == ["observed-data"]
    by_id = sight(borealia.node, signer, ADDRESS["id"], times=1, when=None, quiet=True)
    assert [m.observation for m in by_id.matches] == by_id.ids
    assert len(briefly(borealia)) == 2


def test_what_a_partner_observed_is_not_observed_here(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    sends(world, arunika, borealia, ADDRESS, SEEN, EMBEDDED, sighting("s", ADDRESS))
    assert matches(borealia) == []
