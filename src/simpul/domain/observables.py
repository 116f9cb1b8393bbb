"""Observable values in one normal form each, so that equal things meet by equality of (kind, key).

    normalise("domain", "ExAmple.ORG.")          "example.org"
    search_keys("ipv4", "203.0.113.7")           itself, and each network from /32 to /8 that contains it
    classify("hxxps://www[.]example[.]org/a")    [("url", "https://www.example.org/a")]

A key is text that a person can read. What each kind accepts, prefers and rejects stands at its function and in
docs/reference/observables.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, urlsplit

from simpul.domain.covering import ANY_COUNTRY, covered_keys, covers, names_above, search_keys
from simpul.errors import InputFault

__all__ = [
    "ANY_COUNTRY",
    "KINDS",
    "classify",
    "covered_keys",
    "covers",
    "describe",
    "identifier_keys",
    "names_above",
    "normalise",
    "refang",
    "search_keys",
    "why_not",
]


class _No(ValueError):
    """Why a text is not a value of a kind."""


_V4_PART: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_V4: Final = re.compile(rf"{_V4_PART}(?:\.{_V4_PART}){{3}}", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_DOMAIN: Final = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
_PLAIN_DOMAIN: Final = re.compile(_DOMAIN, re.ASCII)
_PLAIN_URL: Final = re.compile(rf"https?://({_DOMAIN})/[A-Za-z0-9._~/-]*", re.ASCII)
"""A URL that is in its normal form already."""
_MAC: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_PASSPORT: Final = re.compile(r"(?:([A-Z]{2,3}|\*):)?([A-Z0-9]{5,15})")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_SSDEEP: Final = re.compile(r"[0-9]+:[A-Za-z0-9/+]*:[A-Za-z0-9/+]*")
_TLSH: Final = re.compile(r"(?:T1)?([0-9A-F]{70})")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII)
_SPACE: Final = re.compile(r"\s")
_NOT_IN_LOCAL: Final = re.compile(r'[\s<>",;:]')
_PORTS: Final = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
_UNRESERVED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_DEFANGED: Final = (
    (re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE), "."),
    (re.compile(r"\[:\]"), ":"),
    (re.compile(r"\[://\]"), "://"),
    (re.compile(r"\[@\]|\(@\)|\[at\]|\(at\)", re.IGNORECASE), "@"),
    (re.compile(r"^h(?:xx|\*\*)p(s?)(?=:)", re.IGNORECASE), r"http\1"),
    (re.compile(r"^fxp(?=:)", re.IGNORECASE), "ftp"),
)
_MAYBE_DEFANGED: Final = re.compile(r"[\[({]|^h(?:xx|\*\*)p|^fxp", re.IGNORECASE)
_HASH_DIGITS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128, "sha3-256": 64, "sha3-512": 128}


def normalise(kind: str, text: str) -> str | None:
    """The key of a value of a known kind, or None if it is not one (see `why_not` for the reason).

    Raises:
        InputFault: `kind` is not in `KINDS`.
    """
    try:
        return (_NORMALISERS.get(kind) or _normaliser(kind))(text)
    except _No:
        return None


def why_not(kind: str, text: str) -> str | None:
    """Why `text` is not a value of `kind`, in words for a person; None if it is one.

    Raises:
        InputFault: `kind` is not in `KINDS`.
    """
    try:
        _normaliser(kind)(text)
    except _No as no:
        return str(no)
    return None


def refang(text: str) -> str:
    """Undo the ways in which people make an address harmless: `hxxp`, `[.]`, `(dot)`, `[@]`."""
    text = text.strip()
    if _MAYBE_DEFANGED.search(text) is None:
        return text
    for pattern, plain in _DEFANGED:
        text = pattern.sub(plain, text)
    return text


def classify(text: str) -> list[tuple[str, str]]:
    """The (kind, key) pairs that a bare value typed by a person may mean, most specific first; [] if none.

    Undoes defanging (`hxxp`, `[.]`). A bare number of nine digits is an MMSI, `IMO 9074729` an IMO number …;
    an explicit `kind:value` (such as `passport:XA:X1234567`) is taken at its word.
    """
    text = refang(text)
    named, _, rest = text.partition(":")
    if named.lower() in KINDS and rest and not rest.startswith("//"):
        key = normalise(named.lower(), rest.strip())
        if key is not None:
            return [(named.lower(), key)]
    found = []
    for kind in _GUESSED:
        key = normalise(kind, text)
        if key is not None and _plausible(kind, text):
            found.append((kind, key))
    return found


def describe(kind: str) -> str:
    """A kind in words for a person: "IPv4 network"."""
    return _WORDS[kind]


def identifier_keys(kind: str, text: str, country: str | None) -> list[tuple[str, str]]:
    """The keys of an identifier carried by `x-simpul-identifier`; [] if the text is not one.

    A passport with a country is found under the bare number (for who knows no country) and under country and number
    (for who does, so that equal numbers of two countries stay apart).
    """
    if kind != "passport":
        key = normalise(kind, text)
        return [] if key is None else [(kind, key)]
    bare = normalise(kind, text.rpartition(":")[2])
    if bare is None:
        return []
    issuer = (country or text.rpartition(":")[0] or ANY_COUNTRY).strip().upper()
    return [(kind, f"{issuer}:{bare}"), (kind, bare)]


def _normaliser(kind: str) -> Callable[[str], str]:
    found = _NORMALISERS.get(kind)
    if found is None:
        raise InputFault(
            f"'{kind}' is not a kind of observable", input=kind, do="use one of " + ", ".join(sorted(KINDS))
        )
    return found


def _ipv4(text: str) -> str:
    """Dotted decimal without leading zeros; a /32 is the address itself. Other spellings are refused, not guessed."""
    if _V4.fullmatch(text):
        return text
    text = text.strip()
    text = text.removesuffix("/32")
    if _V4.fullmatch(text) is None:
        raise _No(
            f"'{_short(text)}' is not an IPv4 address: four numbers from 0 to 255, without leading zeros"
        )
    return text


def _ipv6(text: str) -> str:
    """RFC 5952 form. A zone (`%eth0`) is refused: it means something on one machine only."""
    text = text.strip().removesuffix("/128")
    if "%" in text:
        raise _No("an IPv6 address with a zone names a place on one machine only")
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise _No(f"'{_short(text)}' is not an IPv6 address") from None


def _ipv4_net(text: str) -> str:
    """A network by its first address and prefix length; host bits are cleared, a /32 is the address (`ipv4`)."""
    address, slash, length = text.strip().partition("/")
    if not slash or not (length.isascii() and length.isdigit()) or len(length) > 2 or int(length) > 31:
        raise _No(f"'{_short(text)}' is not an IPv4 network: an address, '/' and a length from 0 to 31")
    return str(IPv4Network((_ipv4(address), int(length)), strict=False))


def _ipv6_net(text: str) -> str:
    """As for IPv4, lengths 0 to 127."""
    address, slash, length = text.strip().partition("/")
    if not slash or not (length.isascii() and length.isdigit()) or len(length) > 3 or int(length) > 127:
        raise _No(f"'{_short(text)}' is not an IPv6 network: an address, '/' and a length from 0 to 127")
    return str(IPv6Network((_ipv6(address), int(length)), strict=False))


def _mac(text: str) -> str:
    """Lower case, colons (STIX 2.1 §6.8); hyphens are accepted."""
    key = text.strip().lower().replace("-", ":")
    if _MAC.fullmatch(key) is None:
        raise _No(f"'{_short(text)}' is not a MAC address: six pairs of hexadecimal digits with colons")
    return key


def _asn(text: str) -> str:
    """The number alone, 0 to 2^32-1 (RFC 6793); a leading `AS` is dropped."""
    digits = text.strip().upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 10 or int(digits) >= 1 << 32:
        raise _No(f"'{_short(text)}' is not an autonomous system number")
    return str(int(digits))


def _domain(text: str) -> str:
    """ASCII (IDNA 2008 with UTS 46 mapping), lower case, no trailing dot, at least two labels, no bare number last."""
    key = text.strip().rstrip(".").lower()
    if _PLAIN_DOMAIN.fullmatch(key) and len(key) <= 253:
        return key
    if not key.isascii():
        key = _to_ascii(key)
    labels = key.split(".")
    if len(key) > 253 or len(labels) < 2 or labels[-1].isdigit() or not all(map(_LABEL.fullmatch, labels)):
        raise _No(f"'{_short(text)}' is not a domain name")
    return key


def _to_ascii(text: str) -> str:
    import idna  # noqa: PLC0415 - the tables take 20 ms to load, and most names are ASCII

    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise _No(f"'{_short(text)}' is not an internationalised domain name: {error}") from None


def _host(text: str) -> str:
    if text.startswith("["):
        return f"[{_ipv6(text[1:-1])}]"
    if _V4.fullmatch(text):
        return text
    try:
        return _domain(text)
    except _No:
        if _LABEL.fullmatch(text):
            return text
        raise


def _url(text: str) -> str:
    """RFC 3986 §6.2.2: scheme and host lower case, `/` for an empty path, no default port, no fragment.

    Percent-encoding stays only where it is needed. The query stays as written.
    """
    plain = _PLAIN_URL.fullmatch(text)
    if plain is not None and len(plain[1]) <= 253:
        return text
    text = refang(text)
    if _SCHEME.match(text.lower()) is None or _SPACE.search(text):
        raise _No(f"'{_short(text)}' is not a URL with a scheme and a host")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _No(f"'{_short(text)}' is not a URL: {error}") from None
    if not parts.hostname:
        raise _No(f"'{_short(text)}' is a URL without a host")
    return _spell_url(parts, port)


def _spell_url(parts: SplitResult, port: int | None) -> str:
    name = parts.hostname or ""
    host = _host(f"[{name}]" if ":" in name else name)
    user, at, _ = parts.netloc.rpartition("@")
    shown = "" if port is None or port == _PORTS.get(parts.scheme) else f":{port}"
    path = _UNRESERVED.sub(_decode_unreserved, parts.path) or "/"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{user}{at}{host}{shown}{path}{query}"


def _decode_unreserved(found: re.Match[str]) -> str:
    character = chr(int(found.group(1), 16))
    if character.isascii() and (character.isalnum() or character in "-._~"):
        return character
    return found.group().upper()


def _email(text: str) -> str:
    """The local part as written but lower case (nobody tells mailboxes apart by case), the domain as `domain`."""
    local, at, host = refang(text).rpartition("@")
    local = local.removeprefix("mailto:")
    if not at or not local or len(local) > 64 or _NOT_IN_LOCAL.search(local):
        raise _No(f"'{_short(text)}' is not an e-mail address")
    return f"{local.lower()}@{_domain(host)}"


def _hexadecimal(kind: str) -> Callable[[str], str]:
    digits = _HASH_DIGITS[kind]
    form = re.compile(rf"[0-9a-f]{{{digits}}}")

    def check(text: str) -> str:
        key = text.strip().lower()
        if form.fullmatch(key) is None:
            raise _No(f"'{_short(text)}' is not {digits} hexadecimal digits")
        return key

    return check


def _ssdeep(text: str) -> str:
    """`blocksize:hash:hash`; case matters, only equal fuzzy hashes meet."""
    key = text.strip()
    if _SSDEEP.fullmatch(key) is None:
        raise _No(f"'{_short(text)}' is not an ssdeep hash")
    return key


def _tlsh(text: str) -> str:
    """Upper-case hexadecimal without the version prefix `T1`; only equal fuzzy hashes meet."""
    found = _TLSH.fullmatch(text.strip().upper())
    if found is None:
        raise _No(f"'{_short(text)}' is not a TLSH hash")
    return found.group(1)


def _file_name(text: str) -> str:
    """The last part of a path, case folded, so that `/tmp/A.EXE` and one with backslashes meet `a.exe`."""
    key = re.split(r"[\\/]", text.strip())[-1].casefold()
    if not key or len(key) > 255 or any(ord(c) < 32 for c in key):
        raise _No(f"'{_short(text)}' is not a file name")
    return key


def _passport(text: str) -> str:
    """`[COUNTRY:]NUMBER`: letters and digits, upper case, no spaces or hyphens; with a digit in it."""
    key = re.sub(r"[\s.-]", "", text).upper()
    found = _PASSPORT.fullmatch(key)
    if found is None or not any(c.isdigit() for c in found.group(2)):
        raise _No(
            f"'{_short(text)}' is not a passport number: 5 to 15 letters and digits, with or without 'XX:' before"
        )
    return key


def _imo(text: str) -> str:
    """Seven digits whose last is the check digit (IMO resolution A.1117(30)); a leading `IMO` is dropped."""
    key = re.sub(r"[\s-]", "", text).upper().removeprefix("IMO")
    if len(key) != 7 or not (key.isascii() and key.isdigit()):
        raise _No(f"'{_short(text)}' is not an IMO number: seven digits")
    if sum(int(d) * w for d, w in zip(key, range(7, 1, -1), strict=False)) % 10 != int(key[6]):
        raise _No(f"'{_short(text)}' is not an IMO number: the check digit does not fit")
    return key


def _mmsi(text: str) -> str:
    """Nine digits (ITU-R M.585); the first digit tells stations apart and none is refused."""
    key = re.sub(r"[\s-]", "", text).upper().removeprefix("MMSI").lstrip(":")
    if len(key) != 9 or not (key.isascii() and key.isdigit()):
        raise _No(f"'{_short(text)}' is not an MMSI: nine digits")
    return key


def _phone(text: str) -> str:
    """E.164 with `+`. A number without country code is refused: it means something in one country only."""
    stripped = text.strip().removeprefix("tel:")
    if stripped.startswith("00"):
        stripped = "+" + stripped[2:]
    if not stripped.startswith("+") or not any(c.isdigit() for c in stripped):
        raise _No(f"'{_short(text)}' is not a phone number with '+' and a country code")
    return _e164(stripped)


@lru_cache(maxsize=4096)
def _e164(text: str) -> str:
    import phonenumbers  # noqa: PLC0415 - the metadata takes 60 ms to load, and few nodes see phones

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise _No(f"'{_short(text)}' is not a phone number: {error}") from None
    if not phonenumbers.is_possible_number(number):
        raise _No(f"'{_short(text)}' has not the length of a phone number of its country")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _iban(text: str) -> str:
    """Upper case without spaces; the two check digits hold (ISO 13616, modulo 97)."""
    key = re.sub(r"\s", "", text).upper()
    if _IBAN.fullmatch(key) is None:
        raise _No(f"'{_short(text)}' is not an IBAN: two letters, two digits, up to 30 letters and digits")
    if int("".join(str(int(c, 36)) for c in key[4:] + key[:4])) % 97 != 1:
        raise _No(f"'{_short(text)}' is not an IBAN: the check digits do not fit")
    return key


_NORMALISERS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "ipv4": _ipv4,
        "ipv4-net": _ipv4_net,
        "ipv6": _ipv6,
        "ipv6-net": _ipv6_net,
        "mac": _mac,
        "asn": _asn,
        "domain": _domain,
        "url": _url,
        "email": _email,
        **{kind: _hexadecimal(kind) for kind in _HASH_DIGITS},
        "ssdeep": _ssdeep,
        "tlsh": _tlsh,
        "file-name": _file_name,
        "passport": _passport,
        "imo": _imo,
        "mmsi": _mmsi,
        "phone": _phone,
        "iban": _iban,
    }
)

KINDS: Final = frozenset(_NORMALISERS)

_WORDS: Final = {
    "ipv4": "IPv4 address",
    "ipv4-net": "IPv4 network",
    "ipv6": "IPv6 address",
    "ipv6-net": "IPv6 network",
    "mac": "MAC address",
    "asn": "autonomous system",
    "domain": "domain",
    "url": "URL",
    "email": "e-mail address",
    "md5": "MD5 hash",
    "sha1": "SHA-1 hash",
    "sha256": "SHA-256 hash",
    "sha512": "SHA-512 hash",
    "sha3-256": "SHA3-256 hash",
    "sha3-512": "SHA3-512 hash",
    "ssdeep": "ssdeep hash",
    "tlsh": "TLSH hash",
    "file-name": "file name",
    "passport": "passport number",
    "imo": "IMO number",
    "mmsi": "MMSI",
    "phone": "phone number",
    "iban": "IBAN",
}

_GUESSED: Final = (
    "ipv4",
    "ipv4-net",
    "ipv6",
    "ipv6-net",
    "url",
    "email",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "mac",
    "iban",
    "imo",
    "mmsi",
    "phone",
    "tlsh",
    "ssdeep",
    "domain",
    "file-name",
    "passport",
)
_FILE_ENDINGS: Final = frozenset(
    [
        "apk",
        "bat",
        "bin",
        "cmd",
        "dat",
        "dll",
        "doc",
        "docm",
        "docx",
        "elf",
        "exe",
        "gz",
        "img",
        "iso",
        "jar",
        "js",
        "lnk",
        "msi",
        "pdf",
        "php",
        "ppt",
        "pptx",
        "ps1",
        "py",
        "rar",
        "rtf",
        "scr",
        "sh",
        "so",
        "sys",
        "tar",
        "tmp",
        "txt",
        "vbs",
        "xls",
        "xlsm",
        "xlsx",
        "xml",
        "zip",
        "7z",
    ]
)


def _plausible(kind: str, text: str) -> bool:
    """Whether a person who typed just this may have meant that kind."""
    if kind == "file-name":
        return "." in text and text.rpartition(".")[2].lower() in _FILE_ENDINGS and "://" not in text
    if kind == "passport":
        return ":" in text or (7 <= len(text) <= 9 and text[:1].isalpha() and text[-6:].isdigit())
    return kind != "asn"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "…"
