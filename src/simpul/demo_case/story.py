"""The story of LANTERN TIDE: who, where, what, and what the service thinks of it.

A caesium-137 level gauge is stolen from a cement works in Arunika. A trafficking ring ships it in a container on
the MV Selat Karang, by way of Borealia, to a buyer thought to be in Cendara; an intrusion crew alters the freight
forwarder's manifests for them. Every name, number and place is invented. Nothing here says how to do any of it.

The objects refer to each other across labels on purpose, so that every rule for cutting references has work: an
optional reference, a required one, one of several in a list, an id in free text, an id in a custom property, and a
marking that may not go.
"""

from __future__ import annotations

from msgspec import Struct

from simpul.demo_case.case import BOREALIA, CENDARA, Case
from simpul.demo_case.ids import named
from simpul.demo_case.markings import COURTESY, LIAISON, TLP, statement, tlp

BOTH = (BOREALIA, CENDARA)


class Cast(Struct, frozen=True, kw_only=True):
    """Ids of the objects that later chapters refer to."""

    regulator: str
    works: str
    forwarder: str
    broker: str
    insider: str
    master: str
    driver: str
    pelikan: str
    liaison: str
    ring: str
    buyer: str
    crew: str
    campaign: str
    loader: str
    manifest_edit: str
    vessel: str
    relays: str
    warehouse: str
    origin: str
    transit: str
    destination: str
    theft: str


def open_case() -> Case:
    """A case with its author, its markings and nothing else."""
    author = named("identity", "Arunika Joint Intelligence Centre")
    case = Case(author)
    for level in TLP:
        case.put("cyber", tlp(level))
    case.entity(
        "cyber",
        "identity",
        "Arunika Joint Intelligence Centre",
        name="Arunika Joint Intelligence Centre",
        identity_class="organization",
        sectors=["government"],
        contact_information="duty desk: desk@ajic.example",
    )
    case.put(
        "cyber",
        statement(COURTESY, author, "Courtesy of the Arunika Joint Intelligence Centre, case LANTERN TIDE"),
    )
    case.put(
        "source",
        statement(LIAISON, author, "Passed under the Arunika and Borealia liaison arrangement of 2024"),
    )
    return case


def cast(case: Case) -> Cast:
    """Persons, organisations, groups, places and things."""
    organisations = _organisations(case)
    persons = _persons(case)
    groups = _groups(case)
    places = _places(case)
    return Cast(**organisations, **persons, **groups, **places)


def _organisations(case: Case) -> dict[str, str]:
    return {
        "regulator": case.entity(
            "shared",
            "identity",
            "regulator",
            name="Arunika Nuclear Regulatory Office",
            identity_class="organization",
            sectors=["government", "nuclear"],
            contact_information="+44 20 7946 0311",
        ),
        "works": case.entity(
            "shared",
            "identity",
            "works",
            name="Gunung Kelabu Cement Works",
            description="Operator of the stolen level gauge; licence KL-0417, last inspected in May 2026.",
            identity_class="organization",
            sectors=["manufacturing"],
        ),
        "forwarder": case.entity(
            "shared",
            "identity",
            "forwarder",
            name="Laut Timur Freight Forwarding",
            description="Its booking portal was entered from 14 September 2026 on and container manifests were altered.",
            identity_class="organization",
            sectors=["transportation"],
            object_marking_refs=[COURTESY],
        ),
    }


def _persons(case: Case) -> dict[str, str]:
    driver, pelikan, liaison = (named("identity", who) for who in ("driver", "pelikan", "liaison"))
    in_driver = case.word("driver", driver, (CENDARA,), why="label")
    in_pelikan = case.word("pelikan", pelikan, BOTH, why="label")
    in_liaison = case.word("liaison", liaison, BOTH, why="label")
    case.entity(
        "own",
        "identity",
        "liaison",
        name="Case officer LT-2",
        description=f"Runs the case; desk word {in_liaison}.",
        identity_class="individual",
    )
    case.entity(
        "own",
        "identity",
        "pelikan",
        name=f"PELIKAN {in_pelikan}",
        description="Human source inside the forwarder. Never to be named outside the service.",
        identity_class="individual",
        object_marking_refs=[TLP["red"]],
    )
    case.entity(
        "source",
        "identity",
        "driver",
        name="Wiran Sudarto",
        description=f"Drove the van on the night of the theft. Interviewed on 9 October; file word {in_driver}.",
        identity_class="individual",
        object_marking_refs=[TLP["amber+strict"]],
    )
    return {
        "driver": driver,
        "pelikan": pelikan,
        "liaison": liaison,
        "broker": case.entity(
            "shared",
            "identity",
            "broker",
            name="Radek Olvanov",
            description="Broker of stolen industrial goods; uses two passports and several telephones.",
            identity_class="individual",
            roles=["broker"],
            object_marking_refs=[TLP["amber"]],
            x_simpul_handled_by=liaison,
        ),
        "insider": case.entity(
            "shared",
            "identity",
            "insider",
            name="Imre Castellan",
            description="Booking clerk at the forwarder, believed to have let the intruders in.",
            identity_class="individual",
            roles=["booking clerk"],
        ),
        "master": case.entity(
            "shared",
            "identity",
            "master",
            name="Joss Marrin",
            description="Master of the MV Selat Karang. No sign that he knows what he carries.",
            identity_class="individual",
            roles=["ship's master"],
        ),
    }


def _groups(case: Case) -> dict[str, str]:
    buyer = named("threat-actor", "buyer")
    in_buyer = case.word("buyer", buyer, (CENDARA,), why="label")
    case.entity(
        "source",
        "threat-actor",
        "buyer",
        name="VELLUM",
        description=f"Buyer behind the order. Two sources agree that the money came through one of them; word {in_buyer}.",
        threat_actor_types=["terrorist"],
        resource_level="organization",
        object_marking_refs=[TLP["amber+strict"], LIAISON],
    )
    crew = case.entity(
        "cyber",
        "intrusion-set",
        "crew",
        name="GREY HERON",
        description="Intrusion crew for hire. Phishes freight offices and edits container manifests to order.",
        aliases=["Wading Bird"],
        first_seen="2026-08-19T00:00:00.000Z",
        goals=["access to booking portals"],
        object_marking_refs=[TLP["green"]],
    )
    return {
        "buyer": buyer,
        "crew": crew,
        "ring": case.entity(
            "shared",
            "threat-actor",
            "ring",
            name="KUMBANG ring",
            description="Smuggling ring around Radek Olvanov; until now cigarettes and ship's fuel.",
            aliases=["Kumbang"],
            threat_actor_types=["crime-syndicate"],
            roles=["director"],
            first_seen="2025-02-11T00:00:00.000Z",
            object_marking_refs=[TLP["amber"]],
        ),
        "campaign": case.entity(
            "shared",
            "campaign",
            "lantern tide",
            name="LANTERN TIDE",
            description="Theft of a caesium-137 level gauge and its shipment under false manifests.",
            first_seen="2026-09-14T00:00:00.000Z",
            objective="Bring the source to a buyer abroad",
            object_marking_refs=[TLP["amber"]],
        ),
        "loader": case.entity(
            "cyber",
            "malware",
            "heronbill",
            name="HERONBILL",
            description="Loader sent as a shipping advice. Opens a remote shell and reads the forwarder's bookings.",
            malware_types=["downloader", "remote-access-trojan"],
            is_family=True,
            object_marking_refs=[TLP["green"]],
        ),
        "manifest_edit": case.entity(
            "cyber",
            "attack-pattern",
            "manifest edit",
            name="Alteration of a container manifest",
            description="The booking record is changed after customs risk scoring and before loading.",
            external_references=[{"source_name": "AJIC pattern list", "external_id": "AP-31"}],
        ),
        "relays": case.entity(
            "cyber",
            "infrastructure",
            "relays",
            name="GREY HERON relays",
            description="Rented machines that pass on the crew's traffic.",
            infrastructure_types=["command-and-control", "phishing"],
            first_seen="2026-08-19T00:00:00.000Z",
        ),
    }


def _places(case: Case) -> dict[str, str]:
    warehouse = named("infrastructure", "warehouse")
    theft = named("incident", "theft")
    in_warehouse = case.word("warehouse", warehouse, (CENDARA,), why="label")
    case.entity(
        "source",
        "infrastructure",
        "warehouse",
        name="Warehouse 14, Pulau Merah",
        description=f"Where the gauge lay for eleven days. Known from one person only; file word {in_warehouse}.",
        infrastructure_types=["staging"],
    )
    case.entity(
        "shared",
        "incident",
        "theft",
        name="Theft of level gauge GK-7",
        description="Taken from kiln 2 of the Gunung Kelabu works in the night of 21 September 2026; missed on the 23rd.",
        created="2026-09-24T08:00:00.000Z",
        object_marking_refs=[TLP["amber"], COURTESY],
    )
    return {
        "warehouse": warehouse,
        "theft": theft,
        "vessel": case.entity(
            "shared",
            "infrastructure",
            "vessel",
            name="MV Selat Karang",
            description="General cargo, 4,100 gross tons, flag Arunika. Carries container LTFU 407221-9.",
            infrastructure_types=["unknown"],
            aliases=["ex Bintang Laut"],
            object_marking_refs=[TLP["amber"]],
        ),
        "origin": _place(case, "Gunung Kelabu", "XA", 0.31, 0.12),
        "transit": _place(case, "Port of Kalvik", "XB", 0.94, 0.55),
        "destination": _place(case, "Porto Sereno", "XC", 0.22, 0.97),
    }


def _place(case: Case, name: str, country: str, latitude: float, longitude: float) -> str:
    return case.entity(
        "shared",
        "location",
        name,
        name=name,
        country=country,
        latitude=latitude,
        longitude=longitude,
        precision=5000.0,
    )


def tie(case: Case, who: Cast) -> None:
    """What belongs to what. A tie from a shared thing to a withheld one is withheld with it (a required reference)."""
    for source, verb, target in (
        (who.campaign, "attributed-to", who.ring),
        (who.campaign, "targets", who.works),
        (who.campaign, "targets", who.forwarder),
        (who.ring, "located-at", who.origin),
        (who.ring, "uses", who.vessel),
        (who.broker, "related-to", who.ring),
        (who.insider, "related-to", who.forwarder),
        (who.master, "related-to", who.vessel),
        (who.theft, "related-to", who.campaign),
        (who.theft, "related-to", who.works),
        (who.vessel, "located-at", who.transit),
        (who.vessel, "related-to", who.destination),
        (who.forwarder, "located-at", who.origin),
        (who.regulator, "located-at", who.origin),
    ):
        case.relate("shared", source, verb, target)
    for source, verb, target in (
        (who.crew, "uses", who.loader),
        (who.crew, "uses", who.manifest_edit),
        (who.crew, "uses", who.relays),
        (who.relays, "delivers", who.loader),
    ):
        case.relate("cyber", source, verb, target, object_marking_refs=[TLP["green"]])
    _tie_across(case, who)


def _tie_across(case: Case, who: Cast) -> None:
    for source, verb, target, kept_from in (
        (who.ring, "related-to", who.buyer, (CENDARA,)),
        (who.ring, "uses", who.warehouse, (CENDARA,)),
        (who.driver, "related-to", who.theft, (CENDARA,)),
        (who.insider, "related-to", who.pelikan, BOTH),
        (who.broker, "related-to", who.driver, (CENDARA,)),
    ):
        identifier = named("relationship", f"{source} {verb} {target}")
        word = case.word(identifier, identifier, kept_from, why="required reference")
        case.relate("shared", source, verb, target, description=f"Seen together; note {word}.")
    crew_tie = named("relationship", f"{who.crew} related-to {who.ring}")
    case.relate("shared", who.crew, "related-to", who.ring, confidence=65, x_simpul_basis=[who.pelikan])
    case.canary(crew_tie, who.pelikan, BOTH, why="id in a custom property", portion="x_simpul_basis")
    case.canary(who.broker, who.liaison, BOTH, why="id in a custom property", portion="x_simpul_handled_by")


def opinions(case: Case, who: Cast) -> None:
    """Report, notes, grouping, opinion and advice: the service's own words, marked differently in one object."""
    _report(case, who)
    _notes(case, who)
    case.entity(
        "shared",
        "course-of-action",
        "hold",
        name="Hold the container, call the regulator",
        description=(
            "Do not open it. Keep people away, call the national radiation emergency desk and note who asks for it."
        ),
    )
    case.entity(
        "shared",
        "grouping",
        "movement",
        name="Movement of the source",
        context="suspicious-activity",
        object_refs=[who.theft, who.warehouse, who.vessel, who.transit, who.pelikan],
    )
    opinion = named("opinion", "awareness")
    doubt = case.word("opinion", opinion, (CENDARA,), why="marking above the ceiling")
    case.entity(
        "shared",
        "opinion",
        "awareness",
        opinion="disagree",
        explanation=f"The master was paid the ordinary rate and asked for the papers twice ({doubt}).",
        authors=["analyst 4"],
        object_refs=[who.master],
        object_marking_refs=[TLP["amber+strict"]],
    )


def _report(case: Case, who: Cast) -> None:
    report = named("report", "situation 3")
    assessed = case.word(
        "report assessment", report, (CENDARA,), why="granular marking", portion="x_simpul_assessment"
    )
    basis = case.word("report basis", report, BOTH, why="granular marking", portion="x_simpul_basis")
    referred = case.word(
        "report reference", report, BOTH, why="granular marking", portion="external_references.[1]"
    )
    case.entity(
        "shared",
        "report",
        "situation 3",
        created="2026-11-03T06:00:00.000Z",
        modified="2026-11-12T16:40:00.000Z",
        name="LANTERN TIDE: situation 3",
        description=(
            "The gauge left Gunung Kelabu between 21 and 23 September 2026 and is thought to be in container "
            "LTFU 407221-9 on the MV Selat Karang, due at Kalvik on 27 November."
        ),
        report_types=["threat-report", "campaign"],
        published="2026-11-12T17:00:00.000Z",
        object_refs=[
            who.campaign,
            who.theft,
            who.vessel,
            who.ring,
            who.broker,
            who.driver,
            who.buyer,
            who.warehouse,
            who.pelikan,
            who.origin,
            who.transit,
            who.destination,
        ],
        external_references=[
            {"source_name": "AJIC", "description": "Situation report 3", "external_id": "LT-SR-3"},
            {"source_name": "AJIC contact report", "description": f"Meeting of 8 November, {referred}"},
        ],
        object_marking_refs=[TLP["amber"]],
        granular_markings=[
            {"marking_ref": TLP["amber+strict"], "selectors": ["x_simpul_assessment"]},
            {"marking_ref": TLP["red"], "selectors": ["x_simpul_basis", "external_references.[1]"]},
        ],
        x_simpul_assessment=f"VELLUM is ready to pay on delivery; the money is in place ({assessed}).",
        x_simpul_basis=f"PELIKAN, third contact, graded B2 ({basis}).",
    )


def _notes(case: Case, who: Cast) -> None:
    serial, mention, meeting, marked = (named("note", n) for n in ("serial", "mention", "meeting", "marked"))
    in_serial = case.word("serial", serial, (CENDARA,), why="label")
    case.entity(
        "technical",
        "note",
        "serial",
        abstract="The source",
        content=f"Caesium-137 in a sealed capsule, gauge GK-7, IAEA category 4; serial number {in_serial}.",
        object_refs=[who.theft],
    )
    in_mention = case.word("mention", mention, BOTH, why="id in a required text")
    case.entity(
        "shared",
        "note",
        "mention",
        abstract="Where the date comes from",
        content=f"The sailing date was given by {who.pelikan} and fits the port's berth list ({in_mention}).",
        object_refs=[who.vessel],
    )
    in_meeting = case.word("meeting", meeting, BOTH, why="label")
    case.entity(
        "own",
        "note",
        "meeting",
        abstract="Contact report",
        content=f"Met at the fish market at 05:10. Next meeting agreed by the usual sign, {in_meeting}.",
        object_refs=[who.pelikan],
        object_marking_refs=[TLP["red"]],
    )
    in_marked = case.word("marked", marked, (CENDARA,), why="marking that may not go")
    case.entity(
        "shared",
        "note",
        "marked",
        content=f"Borealia's watch officer has the berth plan; word {in_marked}.",
        object_refs=[who.transit],
        object_marking_refs=[LIAISON],
    )
    _graded_note(case, who)


def _graded_note(case: Case, who: Cast) -> None:
    note = named("note", "graded")
    abstract = case.word("graded abstract", note, (CENDARA,), why="granular marking", portion="abstract")
    author = case.word("graded author", note, BOTH, why="granular marking", portion="authors.[1]")
    case.entity(
        "shared",
        "note",
        "graded",
        abstract=f"Payment in two halves ({abstract})",
        content="Half was paid in advance on 30 September through three accounts; see the IBANs in this case.",
        authors=["analyst 4", f"source desk {author}"],
        object_refs=[who.broker, who.ring],
        created_by_ref=who.liaison,
        granular_markings=[
            {"marking_ref": TLP["amber+strict"], "selectors": ["abstract"]},
            {"marking_ref": TLP["red"], "selectors": ["authors.[1]"]},
        ],
    )
    case.canary(note, who.liaison, BOTH, why="optional reference", portion="created_by_ref")
