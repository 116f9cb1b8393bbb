"""What was seen on wires, papers and telephones: observables and the indicators drawn from them.

Addresses, domains and telephone numbers lie in ranges set aside for documentation and fiction (RFC 5737, RFC 3849,
RFC 5398, RFC 7042, RFC 2606; Ofcom's numbers for drama). Check digits hold, so that formats can be checked.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from simpul.demo_case.case import KEPT_FROM, Case, Grade
from simpul.demo_case.ids import named, token
from simpul.demo_case.markings import TLP
from simpul.demo_case.story import BOTH, Cast

IDENTIFIERS: Final[tuple[tuple[Grade, str, str, str, str], ...]] = (
    ("shared", "imo", "2718285", "XA", "MV Selat Karang"),
    ("shared", "imo", "2236067", "XA", "MV Pulau Sunyi, sister ship"),
    ("technical", "imo", "2645751", "XC", "Tug Estrela, met the Selat Karang at sea"),
    ("shared", "mmsi", "200407221", "XA", "MV Selat Karang"),
    ("shared", "mmsi", "200407388", "XA", "MV Pulau Sunyi"),
    ("source", "mmsi", "200951774", "XC", "Tug Estrela"),
    ("shared", "passport", "XA4471935", "XA", "Radek Olvanov"),
    ("shared", "passport", "XC0083126", "XC", "Radek Olvanov, second name"),
    ("shared", "passport", "XA5120047", "XA", "Imre Castellan"),
    ("shared", "passport", "XA3907715", "XA", "Joss Marrin"),
    ("source", "passport", "XA6240981", "XA", "Wiran Sudarto"),
    ("own", "passport", "XA7715204", "XA", "as issued to a protected person"),
    ("shared", "phone", "+447700900117", "GB", "Olvanov, since August"),
    ("shared", "phone", "+447700900243", "GB", "Olvanov, for one week"),
    ("shared", "phone", "+442079460381", "GB", "the forwarder's night line"),
    ("shared", "phone", "+447700900571", "GB", "Castellan"),
    ("source", "phone", "+447700900808", "GB", "Sudarto"),
    ("own", "phone", "+447700900962", "GB", "contact line"),
)
"""Grade, kind, value, country, whose."""

ACCOUNTS: Final[tuple[tuple[Grade, str, str], ...]] = (
    ("shared", "XA", "account that paid the driver's firm"),
    ("source", "XC", "account of the advance payment"),
    ("shared", "XB", "account of a chandler in Kalvik"),
)
"""Grade, country, what for."""

ADDRESSES: Final[tuple[tuple[Grade, int], ...]] = (("cyber", 58), ("source", 4), ("own", 2))
"""How many IPv4 addresses of each grade."""

HOSTS: Final = (
    "booking",
    "manifest",
    "berth",
    "tracking",
    "customs",
    "portal",
    "login",
    "cargo",
    "invoice",
    "crew",
)
ZONES: Final = ("lauttimur.example", "harbourdesk.example.net", "freightdocs.example.org", "seaways.test")
PAPERS: Final = (
    "shipping-advice",
    "packing-list",
    "bill-of-lading",
    "arrival-notice",
    "demurrage-claim",
    "crew-list",
)


def signals(case: Case, who: Cast) -> None:
    """Add every observable and indicator of the case."""
    papers = _papers(case, who)
    addresses = _addresses(case, who)
    _names(case, who, addresses)
    mailboxes = _mailboxes(case, who)
    files = _files(case, who)
    _mails(case, mailboxes)
    _traffic(case, addresses)
    _sightings(case, who, papers, addresses, files)


def indicator(case: Case, grade: Grade, seed: str, pattern: str, name: str, /, **more: Any) -> str:
    """Add an indicator with a STIX pattern. Withheld ones carry a canary in their description."""
    identifier = named("indicator", seed)
    description = more.pop("description", "Drawn from the forwarder's logs.")
    if KEPT_FROM[grade]:
        description += f" Log mark {case.word(seed, identifier, KEPT_FROM[grade], why='label')}."
    return case.entity(
        grade,
        "indicator",
        seed,
        name=name,
        description=description,
        indicator_types=more.pop("indicator_types", ["malicious-activity"]),
        pattern=pattern,
        pattern_type="stix",
        valid_from=more.pop("valid_from", "2026-10-05T00:00:00.000Z"),
        **more,
    )


def iban(country: str, account: str) -> str:
    """An IBAN with valid check digits (ISO 13616, ISO 7064 MOD 97-10). No bank has the country codes XA to XZ."""
    digits = "".join(str(int(sign, 36)) for sign in account + country + "00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def _papers(case: Case, who: Cast) -> dict[str, str]:
    """Identifiers of persons, ships, telephones and accounts, each with an indicator that looks for it."""
    accounts = tuple(
        (grade, "iban", iban(country, f"SIMP{4407221930 + 7919 * place:016d}"), country, use)
        for place, (grade, country, use) in enumerate(ACCOUNTS)
    )
    made = {}
    for grade, kind, value, country, whose in IDENTIFIERS + accounts:
        made[value] = case.observable(grade, "x-simpul-identifier", kind=kind, value=value, country=country)
        pattern = f"[x-simpul-identifier:kind = '{kind}' AND x-simpul-identifier:value = '{value}']"
        watch = indicator(
            case, grade, value, pattern, f"{kind.upper()} of {whose}", indicator_types=["attribution"]
        )
        case.relate(grade, watch, "based-on", made[value])
    case.relate("shared", who.vessel, "related-to", made["2718285"])
    case.relate("shared", who.vessel, "related-to", made["200407221"])
    case.relate("shared", who.broker, "related-to", made["XA4471935"])
    case.relate("source", who.driver, "related-to", made["XA6240981"])
    return made


def _addresses(case: Case, who: Cast) -> list[str]:
    """Network addresses; the last six are kept from Cendara and the last two of those from everybody."""
    system = case.observable("cyber", "autonomous-system", number=64499, name="Rented by GREY HERON")
    grades = [grade for grade, count in ADDRESSES for _ in range(count)]
    made = []
    for place, grade in enumerate(grades):
        block = ("192.0.2", "198.51.100", "203.0.113")[place % 3]
        value = f"{block}.{17 + place * 3}"
        address = case.observable(grade, "ipv4-addr", value=value, belongs_to_refs=[system])
        made.append(address)
        if place % 2 == 0 or grade != "cyber":
            seen = indicator(
                case, grade, value, f"[ipv4-addr:value = '{value}']", f"GREY HERON relay {value}"
            )
            case.relate(grade, seen, "indicates", who.relays)
    for place in range(16):
        value = f"2001:db8:{0x51 + place:x}::{0x10 + place:x}"
        made.append(case.observable("cyber", "ipv6-addr", value=value, belongs_to_refs=[system]))
        if place % 4 == 0:
            indicator(case, "cyber", value, f"[ipv6-addr:value = '{value}']", f"GREY HERON relay {value}")
    for block in ("198.51.100.64/27", "203.0.113.192/28"):
        watched = indicator(
            case, "cyber", block, f"[ipv4-addr:value ISSUBSET '{block}']", f"GREY HERON block {block}"
        )
        case.relate("cyber", watched, "indicates", who.crew)
    return made


def _names(case: Case, who: Cast, addresses: list[str]) -> None:
    """Domains and URLs. Some resolve to a withheld address: an optional reference that is cut."""
    hidden = addresses[62:64]
    for place in range(40):
        value = f"{HOSTS[place % 10]}-{place // 10 + 1}.{ZONES[place % 4]}"
        targets = [addresses[place]] + (hidden[:1] if place % 8 == 0 else [])
        name = case.observable("cyber", "domain-name", value=value, resolves_to_refs=targets)
        if len(targets) > 1:
            case.canary(name, hidden[0], BOTH, why="optional reference", portion="resolves_to_refs.[1]")
        if place % 2:
            indicator(case, "cyber", value, f"[domain-name:value = '{value}']", f"False booking site {value}")
    for zone in ("freightdocs.example.org", "seaways.test"):
        case.observable("cyber", "domain-name", value=zone)
        watch = indicator(case, "cyber", zone, f"[domain-name:value = '{zone}']", f"Zone of the crew {zone}")
        case.relate("cyber", watch, "indicates", who.crew)
    for place in range(24):
        value = f"https://{HOSTS[place % 10]}.{ZONES[place % 4]}/{PAPERS[place % 6]}/{40721 + place}"
        case.observable("cyber", "url", value=value)
        if place % 3 == 0:
            indicator(case, "cyber", value, f"[url:value = '{value}']", f"Lure page {40721 + place}")
    for name in ("drop box", "second drop box"):
        seed = f"hidden {name}"
        word = case.word(seed, named("indicator", seed), BOTH, why="label")
        value = f"{word}.example.net"
        hidden_name = case.observable("own", "domain-name", value=value)
        case.canary(hidden_name, value, BOTH, why="label", portion="value")
        case.entity(
            "own",
            "indicator",
            seed,
            name=f"Own {name}, never to be shared",
            indicator_types=["benign"],
            pattern=f"[domain-name:value = '{value}']",
            pattern_type="stix",
            valid_from="2026-10-05T00:00:00.000Z",
        )


def _mailboxes(case: Case, who: Cast) -> list[str]:
    """Mail addresses; the last two are kept from Cendara, the very last from everybody."""
    users = ("ops", "documents", "billing", "noreply", "crewing", "berths", "agent", "claims")
    made = []
    for place in range(22):
        value = f"{users[place % 8]}{place // 8 or ''}@{ZONES[place % 4]}"
        made.append(
            case.observable("cyber", "email-addr", value=value, display_name=users[place % 8].title())
        )
        if place % 2 == 0:
            indicator(case, "cyber", value, f"[email-addr:value = '{value}']", f"Sender of lures {value}")
    made.append(case.observable("shared", "email-addr", value="r.olvanov@post.example", display_name="R. O."))
    watch = indicator(
        case,
        "shared",
        "broker mail",
        "[email-addr:value = 'r.olvanov@post.example']",
        "Mail address of Olvanov",
    )
    case.relate("shared", watch, "indicates", who.ring)
    for grade, seed in (("source", "driver mail"), ("own", "contact mail")):
        identity: Grade = "source" if grade == "source" else "own"
        word = case.word(seed, named("indicator", seed), KEPT_FROM[identity], why="label")
        value = f"{word}@post.example"
        made.append(case.observable(identity, "email-addr", value=value))
        case.canary(made[-1], value, KEPT_FROM[identity], why="label", portion="value")
        indicator(case, identity, seed, f"[email-addr:value = '{value}']", "Private mail address")
    return made


def _files(case: Case, who: Cast) -> list[str]:
    """Lures and loaders by hash and by name, and one sample that refers to a withheld file."""
    made = []
    for place in range(26):
        name = f"{PAPERS[place % 6]}-{40721 + place}.{('pdf.exe', 'iso', 'lnk', 'docm')[place % 4]}"
        digest = hashlib.sha256(name.encode()).hexdigest()
        grade: Grade = "own" if place == 25 else "source" if place >= 22 else "cyber"
        made.append(
            case.observable(grade, "file", hashes={"SHA-256": digest}, name=name, size=48_000 + 731 * place)
        )
        if place % 2 == 0 or grade != "cyber":
            pattern = f"[file:hashes.'SHA-256' = '{digest}']"
            found = indicator(
                case, grade, name, pattern, f"HERONBILL lure {name}", description="Opens the loader."
            )
            case.relate(grade, found, "indicates", who.loader)
    case.entity(
        "cyber",
        "malware",
        "heronbill sample",
        name="HERONBILL 2",
        malware_types=["downloader"],
        is_family=False,
        sample_refs=[made[0], made[2], made[25]],
    )
    case.canary(
        named("malware", "heronbill sample"), made[25], BOTH, why="optional reference", portion="sample_refs"
    )
    return made


def _mails(case: Case, mailboxes: list[str]) -> None:
    """Mails. `from_ref` is part of the id, so a mail from a withheld address is withheld; a copy is merely cut."""
    for place in range(8):
        case.observable(
            "cyber",
            "email-message",
            is_multipart=False,
            date=f"2026-09-{14 + place:02d}T06:{place * 7:02d}:00Z",
            from_ref=mailboxes[place * 2],
            to_refs=[mailboxes[place * 2 + 1]],
            cc_refs=[mailboxes[22], mailboxes[23 + place % 2]],
            subject=f"{PAPERS[place % 6].replace('-', ' ').capitalize()} {40721 + place}",
            body="Please confirm the attached document before loading.",
        )
    for place, kept_from in ((23, KEPT_FROM["source"]), (24, BOTH)):
        word = token(f"mail {place}")
        mail = case.observable(
            "shared",
            "email-message",
            is_multipart=False,
            from_ref=mailboxes[place],
            to_refs=[mailboxes[22]],
            subject=f"Saturday, {word}",
        )
        case.canary(mail, word, kept_from, why="required reference", portion="subject")


def _traffic(case: Case, addresses: list[str]) -> None:
    for place in range(8):
        case.observable(
            "cyber",
            "network-traffic",
            src_ref=addresses[64 + place],
            dst_ref=addresses[65 + place],
            dst_port=8443,
            protocols=["ipv6", "tcp", "tls"],
        )
    for place in range(6):
        case.observable("cyber", "mac-addr", value=f"00:00:5e:00:53:{0x21 + place:02x}")
        case.observable(
            "cyber", "user-account", user_id=f"bk-{4100 + place}", account_login=f"booking{place + 1}"
        )


def _sightings(case: Case, who: Cast, papers: dict[str, str], addresses: list[str], files: list[str]) -> None:
    """Observations and sightings. One observation lists withheld things beside others; one lists nothing else."""
    seen = case.entity(
        "cyber",
        "observed-data",
        "forwarder log",
        first_observed="2026-09-14T05:58:00.000Z",
        last_observed="2026-09-29T22:10:00.000Z",
        number_observed=214,
        object_refs=[addresses[0], addresses[3], addresses[59], addresses[63], files[0]],
    )
    case.entity(
        "cyber",
        "sighting",
        "forwarder log",
        sighting_of_ref=named("indicator", "192.0.2.17"),
        observed_data_refs=[seen],
        where_sighted_refs=[who.forwarder, who.pelikan],
        count=214,
    )
    hidden = named("observed-data", "telephone")
    word = case.word(
        "telephone", hidden, (*KEPT_FROM["source"],), why="required reference", portion="x_simpul_remark"
    )
    case.entity(
        "shared",
        "observed-data",
        "telephone",
        first_observed="2026-10-07T19:00:00.000Z",
        last_observed="2026-10-07T19:04:00.000Z",
        number_observed=2,
        object_refs=[papers["+447700900808"]],
        x_simpul_remark=f"Two calls, {word}.",
    )
    ship = case.entity(
        "shared",
        "observed-data",
        "berth",
        first_observed="2026-10-03T02:15:00.000Z",
        last_observed="2026-10-03T09:45:00.000Z",
        number_observed=1,
        object_refs=[papers["2718285"], papers["200407221"]],
        object_marking_refs=[TLP["amber"]],
    )
    case.entity(
        "shared",
        "sighting",
        "berth",
        sighting_of_ref=who.vessel,
        observed_data_refs=[ship],
        where_sighted_refs=[who.origin],
        count=1,
    )
