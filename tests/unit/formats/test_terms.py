from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.agreements import Agreement, Reservation, faults
from simpul.domain.labels import NOBODY, Classification, Label, Onward, Tlp, complete
from simpul.domain.products import Portion
from simpul.errors import Ambiguous, InputFault, NotFound, SyntaxFault
from simpul.formats.terms import (
    Portions,
    read_agreement,
    read_label,
    read_portions,
    tlp_label,
    write_agreement,
    write_label,
)
from tests.properties.strategies import PARTIES, agreements, labels
from tests.unit.domain.terms import AGREEMENT

ROOT = Path(__file__).parents[3]

NAMES = {"Arunika": "a" * 50, "Borealia": "b" * 50, "Cendara": "c" * 50}
DAY = 86_400_000_000


def party(name: str) -> str:
    if name == "Bo":
        raise Ambiguous("'Bo' fits 2 parties", input=name)
    found = NAMES.get(name)
    if found is None:
        raise NotFound(f"no known party is called '{name}'", input=name)
    return found


def anyone(name: str) -> str:
    return name


def label_of(text: str) -> Label:
    return read_label(text.encode(), party=party)


def problem(read: str, text: str) -> InputFault:
    readers = {"label": read_label, "agreement": read_agreement, "portions": read_portions}
    with pytest.raises(InputFault) as caught:
        readers[read](text.encode(), party=party, input="f.toml")
    assert caught.value.input == "f.toml"
    return caught.value


def example(name: str) -> bytes:
    return (ROOT / "examples" / name).read_bytes()


def test_the_example_label_reads_as_it_explains() -> None:
    label = read_label(example("label.toml"), party=party)
    assert label.tlp is Tlp.AMBER
    assert label.classification == {Classification("XA", "RAHASIA")}
    assert label.releasable_to == {frozenset({NAMES["Borealia"], NAMES["Cendara"]})}
    assert label.onward == Onward(consent=True)
    assert label.retention_days == 365


def test_the_example_agreement_can_be_signed() -> None:
    agreement = read_agreement(example("agreement.toml"), party=party)
    assert faults(agreement) == []
    assert agreement.parties == (NAMES["Arunika"], NAMES["Borealia"])
    assert agreement.tlp_ceiling is Tlp.AMBER_STRICT
    assert len(agreement.equivalences) == 4
    assert [made.clause for made in agreement.reservations] == ["topics"]


def test_the_example_portions_have_a_sheet_and_labels_of_their_own() -> None:
    read = read_portions(example("portions.toml"), party=party)
    assert read.sheet is not None
    assert [portion.number for portion in read.portions] == [1, 2]
    assert read.portions[1].label.tlp is Tlp.RED
    assert read.portions[0].text.startswith("A caesium-137 level gauge")


def test_what_a_label_does_not_permit_it_forbids() -> None:
    label = label_of('tlp = "clear"')
    assert label == tlp_label("TLP:CLEAR") == complete(Label(tlp=Tlp.CLEAR))
    assert label.releasable_to == {NOBODY}
    assert label.purposes == NOBODY


def test_an_empty_file_is_a_label_that_forbids_everything() -> None:
    assert label_of("") == complete(Label())


@pytest.mark.parametrize(
    ("text", "onward"),
    [
        ('onward = "none"', Onward(none=True)),
        ('onward = "free"', Onward()),
        ('onward = "consent"', Onward(consent=True)),
        ('onward = { within = ["pact"] }', Onward(within=frozenset({"pact"}))),
        ('onward = { consent = true, within = ["pact"] }', Onward(consent=True, within=frozenset({"pact"}))),
        ("", Onward(none=True)),
    ],
)
def test_an_onward_rule_is_a_word_or_a_table(text: str, onward: Onward) -> None:
    assert label_of(text).onward == onward


def test_several_lists_of_recipients_are_a_conjunction() -> None:
    label = label_of('tlp = "clear"\nreleasable_to = [["Borealia", "Cendara"], ["Borealia"]]')
    assert label.releasable_to == {
        frozenset({NAMES["Borealia"], NAMES["Cendara"]}),
        frozenset({NAMES["Borealia"]}),
    }


def test_a_day_means_its_beginning_in_utc() -> None:
    assert label_of("expires = 1970-01-03").expires == 2 * DAY
    assert label_of("expires = 1970-01-03T07:00:00+07:00").expires == 2 * DAY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('tpl = "red"', "tpl: is not known here; did you mean tlp?"),
        ('tlp = "blue"', "tlp: 'blue' is not a TLP level"),
        ("tlp = 3", "tlp: must be text, written in quotes"),
        ('releasable_to = ["Nowhere"]', "releasable_to: no known party is called 'Nowhere'"),
        ('releasable_to = ["Bo"]', "releasable_to: 'Bo' fits 2 parties"),
        ('releasable_to = "Borealia"', "releasable_to: must be a list, written in [ ]"),
        (
            'releasable_to = [["Borealia"], ["Nowhere"]]',
            "releasable_to[1]: no known party is called 'Nowhere'",
        ),
        ("releasable_to = [1]", "releasable_to[0]: must be text, written in quotes"),
        ('handling = ["H1", "H9"]', "handling: 'H9' is not one of H0, H1, H2, H3"),
        ('purposes = [" "]', "purposes[0]: is empty"),
        (f'topics = ["{"x" * 201}"]', "topics[0]: is longer than 200 characters"),
        ('onward = "maybe"', "onward: 'maybe' is not none, free or consent"),
        ("onward = { consent = 1 }", "onward.consent: must be true or false"),
        ("onward = { never = true }", "onward.never: is not known here"),
        ("expires = 2027-01-01T00:00:00", "expires: must be a moment with its zone"),
        ("expires = 5", "expires: must be a moment with its zone"),
        ("retention_days = 0", "retention_days: must be a whole number from 1 on"),
        ("retention_days = true", "retention_days: must be a whole number from 1 on"),
        ("classification = 1", "classification: must be a table"),
        ("classification = { XA = 1 }", "classification.XA[0]: must be text, written in quotes"),
    ],
)
def test_a_fault_in_a_label_is_named_with_its_path(text: str, said: str) -> None:
    assert said in problem("label", text).message


def test_every_fault_of_a_file_is_reported_at_once() -> None:
    fault = problem("label", 'tlp = "blue"\nonward = "maybe"\ncolour = 1')
    assert fault.message.startswith("the label has 3 faults: ")
    assert fault.where == "tlp"


@pytest.mark.parametrize("data", [b"tlp = ", b"\xff", b"[" * 5000, b'tlp = "a"\ntlp = "b"'])
def test_what_is_not_toml_is_a_syntax_fault(data: bytes) -> None:
    for read in (read_label, read_agreement, read_portions):
        with pytest.raises(SyntaxFault):
            read(data, party=party)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "",
            "id: is missing; title: is missing; parties: is missing; purposes: is missing; tlp_ceiling: is missing",
        ),
        ("equivalence = 1", "equivalence: must be written as [[equivalence]] tables"),
        ("[[equivalence]]\n", "equivalence[0].handle_as: is missing"),
        ("[[equivalence]]\n", "equivalence[0].given: must name one level"),
        ("[[equivalence]]\nmeans = 1\n", "equivalence[0].means: is not known here"),
        ("approvals = 0", "approvals: must be a whole number from 1 on"),
    ],
)
def test_a_fault_in_an_agreement_is_named_with_its_path(text: str, said: str) -> None:
    assert said in problem("agreement", text).message


def test_terms_that_nobody_should_sign_are_refused() -> None:
    text = example("agreement.toml").decode()
    one = text.replace('["Arunika", "Borealia"]', '["Arunika"]')
    assert "at least two different parties" in problem_of(one)
    backwards = text.replace("not_after = 2031", "not_after = 2025")
    assert "not_after: is not later than not_before" in problem_of(backwards)
    unmapped = text.replace('XA = ["TERBATAS", "RAHASIA"]', 'XA = ["SANGAT RAHASIA"]')
    assert "levels: XA SANGAT RAHASIA has no row" in problem_of(unmapped)


def problem_of(text: str) -> str:
    with pytest.raises(InputFault) as caught:
        read_agreement(text.encode(), party=party)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "portion: no [[portion]] is written"),
        ('[[portion]]\ntext = "x"\n', "portion[0].label: is missing"),
        ("[[portion]]\n[portion.label]\n", "portion[0].text: is missing"),
        ('[[portion]]\ntext = " "\n[portion.label]\n', "portion[0].text: is empty"),
        (
            '[[portion]]\ntext = "x"\n[portion.label]\ntlp = "x"\n',
            "portion[0].label.tlp: 'x' is not a TLP level",
        ),
        ("[sheet]\n", "sheet.label: is missing"),
        ('title = "x"\n', "title: is not known here"),
    ],
)
def test_a_fault_in_a_portions_file_is_named_with_its_path(text: str, said: str) -> None:
    assert said in problem("portions", text).message


def test_a_portions_file_without_a_sheet_leaves_its_label_open() -> None:
    read = read_portions(b'[[portion]]\ntext = "  kept as written\\n"\nlabel = {}\n', party=party)
    assert read == Portions(
        sheet=None,
        portions=(Portion(number=1, text="  kept as written\n", label=complete(Label())),),
    )


@settings(max_examples=80)
@given(label=labels)
def test_a_label_is_written_so_that_it_reads_back(label: Label) -> None:
    text = write_label(label)
    again = read_label(text.encode(), party=anyone)
    rule = label.onward
    if rule is not None and rule.none:
        assert again.onward == Onward(none=True)
    else:
        assert again.onward == rule
    kept = {
        name: getattr(label, name) for name in label.__struct_fields__ if name not in {"onward", "unmapped"}
    }
    assert {name: getattr(again, name) for name in kept} == kept


@settings(max_examples=80)
@given(agreement=agreements.filter(lambda terms: not faults(terms)), title=st.text(min_size=1))
def test_an_agreement_is_written_so_that_it_reads_back(agreement: Agreement, title: str) -> None:
    if not title.strip() or "\r" in title:
        return
    names = dict(zip(PARTIES, ("Arunika", "Borealia", "Cendara"), strict=True))
    text = write_agreement(agreement, name_of=names.__getitem__)
    again = read_agreement(text.encode(), party=party)
    assert again.equivalences == agreement.equivalences
    assert again.levels == agreement.levels
    assert (again.parties, again.not_before, again.not_after) == (
        agreement.parties,
        agreement.not_before,
        agreement.not_after,
    )


@settings(max_examples=100)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_words_survive_being_written(text: str) -> None:
    label = complete(Label(tlp=Tlp.CLEAR, obligations=frozenset({text})))
    assert read_label(write_label(label).encode(), party=anyone).obligations == {text}


def test_an_agreement_survives_being_written() -> None:
    again = read_agreement(write_agreement(AGREEMENT).encode(), party=anyone)
    assert again == AGREEMENT


def test_reservations_run_off_and_notice_survive_being_written() -> None:
    made = Reservation(
        party=AGREEMENT.parties[0],
        clause="levels",
        levels=AGREEMENT.levels,
        text="not before its parliament has agreed",
    )
    terms = replace(
        AGREEMENT,
        reservations=(made, Reservation(party=AGREEMENT.parties[1], tlp_ceiling=Tlp.GREEN)),
        run_off="return-or-destroy",
        run_off_days=30,
        notice_days=90,
        replaces=bytes(range(32)),
    )
    assert read_agreement(write_agreement(terms).encode(), party=anyone) == terms


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("replaces = 'yesterday'\n", "replaces: must be the hash of an agreement"),
        ("[[reservation]]\ntopics = ['cyber']\n", "reservation[0].party: is missing"),
        ("[[reservation]]\nparty = 'Arunika'\ntopic = ['x']\n", "did you mean topics?"),
        ("[[reservation]]\nparty = 'Arunika'\ntlp_ceiling = 'pink'\n", "reservation[0].tlp_ceiling: 'pink'"),
        ("notice_days = -1\n", "notice_days: must be a whole number from 0 on"),
    ],
)
def test_a_fault_in_what_a_party_keeps_out_is_named_with_its_path(more: str, said: str) -> None:
    head, rows = write_agreement(AGREEMENT).split("levels =", 1)
    whole = f"levels ={rows}\n{more}" if more.startswith("[[") else f"{more}levels ={rows}"
    with pytest.raises(InputFault) as caught:
        read_agreement((head + whole).encode(), party=anyone)
    assert said in caught.value.message


def test_the_template_is_an_agreement_once_it_names_two_parties() -> None:
    text = files("simpul.cli").joinpath("bilateral.toml").read_text()
    filled = text.replace("<yours>", "Arunika").replace("<theirs>", "Borealia")
    fixed, reservation = filled.split("# [[reservation]]")
    terms = read_agreement(filled.encode(), party=party)
    assert terms.reservations == ()
    written = f"{fixed}[[reservation]]{reservation.replace('# ', '')}"
    terms = read_agreement(written.encode(), party=party)
    assert terms.reservations[0].tlp_ceiling is Tlp.AMBER
    assert (terms.run_off, terms.notice_days) == ("return-or-destroy", 90)
