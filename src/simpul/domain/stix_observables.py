"""STIX 2.1 cyber-observable objects and their predefined extensions as tables (STIX 2.1 §6), and our own identifier.

`x-simpul-identifier` carries what STIX has no observable for: passport, IMO, MMSI, phone and bank account numbers
(docs/reference/observables.md). It is an observable like the others, with a deterministic id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from simpul.domain.stix_parts import GRANULAR_MARKINGS, VERSION_2_1
from simpul.domain.stix_shapes import (
    BINARY,
    BOOLEAN,
    COUNT,
    DICTIONARY,
    HASHES,
    HEX,
    INTEGER,
    TEXT,
    TEXTS,
    TIME,
    WORD,
    WORDS,
    Record,
    Shape,
    enum,
    integer,
    many,
    need,
    nested,
    number,
    record,
    ref,
    refs,
)

OBSERVED_DATA: Final = "observed-data"
SIGHTING: Final = "sighting"

IDENTIFIER_KINDS: Final = ("passport", "imo", "mmsi", "phone", "iban")
ENDPOINT: Final = ref("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name")

_COMMON: Final = {
    "type": need(WORD),
    "spec_version": VERSION_2_1,
    "id": need(WORD),
    "object_marking_refs": refs("marking-definition"),
    "granular_markings": GRANULAR_MARKINGS,
    "defanged": BOOLEAN,
    "extensions": DICTIONARY,
}


def _observable(title: str, /, *, any_of: bool = False, **more: Any) -> Record:
    """An observable; with `any_of`, at least one of its own properties or an extension must be there."""
    if any_of:
        own = tuple(name for name, shape in more.items() if isinstance(shape, Shape))
        more["either"] = ((*own, "extensions"),)
    return record(title, **(_COMMON | more))


def _extension(title: str, /, *, any_of: bool = False, **more: Any) -> Record:
    """A predefined extension or inner part; with `any_of`, at least one optional property must be there."""
    if any_of:
        optional = (n for n, shape in more.items() if isinstance(shape, Shape) and not shape.required)
        more["either"] = (tuple(optional),)
    return record(title, **more)


_ADDRESS: Final[dict[str, Any]] = {
    "value": need(TEXT),
    "resolves_to_refs": refs("mac-addr"),
    "belongs_to_refs": refs("autonomous-system"),
}
_FILE_TIMES: Final[dict[str, Any]] = {"ctime": TIME, "mtime": TIME, "atime": TIME}

_MIME_PART: Final = _extension(
    "email-mime-component",
    body=TEXT,
    body_raw_ref=ref("artifact", "file"),
    content_type=WORD,
    content_disposition=WORD,
    either=(("body", "body_raw_ref"),),
)
_REGISTRY_VALUE: Final = _extension(
    "windows-registry-value",
    any_of=True,
    name=TEXT,
    data=TEXT,
    data_type=enum(
        "REG_NONE",
        "REG_SZ",
        "REG_EXPAND_SZ",
        "REG_BINARY",
        "REG_DWORD",
        "REG_DWORD_BIG_ENDIAN",
        "REG_DWORD_LITTLE_ENDIAN",
        "REG_LINK",
        "REG_MULTI_SZ",
        "REG_RESOURCE_LIST",
        "REG_FULL_RESOURCE_DESCRIPTION",
        "REG_RESOURCE_REQUIREMENTS_LIST",
        "REG_QWORD",
        "REG_INVALID_TYPE",
    ),
)
_CERTIFICATE_EXTENSIONS: Final = _extension(
    "x509-v3-extensions",
    any_of=True,
    basic_constraints=WORD,
    name_constraints=WORD,
    policy_constraints=WORD,
    key_usage=WORD,
    extended_key_usage=WORD,
    subject_key_identifier=WORD,
    authority_key_identifier=WORD,
    subject_alternative_name=TEXT,
    issuer_alternative_name=TEXT,
    subject_directory_attributes=WORD,
    crl_distribution_points=WORD,
    inhibit_any_policy=WORD,
    private_key_usage_period_not_before=TIME,
    private_key_usage_period_not_after=TIME,
    certificate_policies=WORD,
    policy_mappings=WORD,
)
_PE_HEADER: Final = _extension(
    "windows-pe-optional-header",
    any_of=True,
    magic_hex=HEX,
    major_linker_version=INTEGER,
    minor_linker_version=INTEGER,
    size_of_code=COUNT,
    size_of_initialized_data=COUNT,
    size_of_uninitialized_data=COUNT,
    address_of_entry_point=INTEGER,
    base_of_code=INTEGER,
    base_of_data=INTEGER,
    image_base=INTEGER,
    section_alignment=INTEGER,
    file_alignment=INTEGER,
    major_os_version=INTEGER,
    minor_os_version=INTEGER,
    major_image_version=INTEGER,
    minor_image_version=INTEGER,
    major_subsystem_version=INTEGER,
    minor_subsystem_version=INTEGER,
    win32_version_value_hex=HEX,
    size_of_image=COUNT,
    size_of_headers=COUNT,
    checksum_hex=HEX,
    subsystem_hex=HEX,
    dll_characteristics_hex=HEX,
    size_of_stack_reserve=COUNT,
    size_of_stack_commit=COUNT,
    size_of_heap_reserve=COUNT,
    size_of_heap_commit=COUNT,
    loader_flags_hex=HEX,
    number_of_rva_and_sizes=INTEGER,
    hashes=HASHES,
)
_PE_SECTION: Final = _extension(
    "windows-pe-section", name=need(TEXT), size=COUNT, entropy=number(), hashes=HASHES
)
_DATA_STREAM: Final = _extension("alternate-data-stream", name=need(TEXT), hashes=HASHES, size=COUNT)

OBSERVABLES: Final = {
    made.title: made
    for made in (
        _observable(
            "artifact",
            mime_type=WORD,
            payload_bin=BINARY,
            url=TEXT,
            hashes=HASHES,
            encryption_algorithm=enum("AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated"),
            decryption_key=WORD,
            either=(("payload_bin", "url"),),
            not_both=(("payload_bin", "url"),),
            needs=(("url", ("hashes",)), ("decryption_key", ("encryption_algorithm",))),
        ),
        _observable("autonomous-system", number=need(COUNT), name=TEXT, rir=TEXT),
        _observable(
            "directory",
            path=need(TEXT),
            path_enc=WORD,
            **_FILE_TIMES,
            contains_refs=refs("file", "directory"),
        ),
        _observable(
            "domain-name", value=need(TEXT), resolves_to_refs=refs("ipv4-addr", "ipv6-addr", "domain-name")
        ),
        _observable("email-addr", value=need(TEXT), display_name=TEXT, belongs_to_ref=ref("user-account")),
        _observable(
            "email-message",
            is_multipart=need(BOOLEAN),
            date=TIME,
            content_type=WORD,
            from_ref=ref("email-addr"),
            sender_ref=ref("email-addr"),
            to_refs=refs("email-addr"),
            cc_refs=refs("email-addr"),
            bcc_refs=refs("email-addr"),
            message_id=TEXT,
            subject=TEXT,
            received_lines=TEXTS,
            additional_header_fields=DICTIONARY,
            body=TEXT,
            body_multipart=many(nested(_MIME_PART)),
            raw_email_ref=ref("artifact"),
            not_both=(("body", "body_multipart"),),
        ),
        _observable(
            "file",
            hashes=HASHES,
            size=COUNT,
            name=TEXT,
            name_enc=WORD,
            magic_number_hex=HEX,
            mime_type=WORD,
            **_FILE_TIMES,
            parent_directory_ref=ref("directory"),
            contains_refs=refs("sco"),
            content_ref=ref("artifact"),
            either=(("hashes", "name"),),
        ),
        _observable("ipv4-addr", **_ADDRESS),
        _observable("ipv6-addr", **_ADDRESS),
        _observable("mac-addr", value=need(TEXT)),
        _observable("mutex", name=need(TEXT)),
        _observable(
            "network-traffic",
            start=TIME,
            end=TIME,
            is_active=BOOLEAN,
            src_ref=ENDPOINT,
            dst_ref=ENDPOINT,
            src_port=integer(0, 65535),
            dst_port=integer(0, 65535),
            protocols=need(TEXTS),
            src_byte_count=COUNT,
            dst_byte_count=COUNT,
            src_packets=COUNT,
            dst_packets=COUNT,
            ipfix=DICTIONARY,
            src_payload_ref=ref("artifact"),
            dst_payload_ref=ref("artifact"),
            encapsulates_refs=refs("network-traffic"),
            encapsulated_by_ref=ref("network-traffic"),
            either=(("src_ref", "dst_ref"),),
            ordered=(("start", "end"),),
        ),
        _observable(
            "process",
            any_of=True,
            is_hidden=BOOLEAN,
            pid=INTEGER,
            created_time=TIME,
            cwd=TEXT,
            command_line=TEXT,
            environment_variables=DICTIONARY,
            opened_connection_refs=refs("network-traffic"),
            creator_user_ref=ref("user-account"),
            image_ref=ref("file"),
            parent_ref=ref("process"),
            child_refs=refs("process"),
        ),
        _observable(
            "software", name=need(TEXT), cpe=TEXT, swid=TEXT, languages=WORDS, vendor=TEXT, version=TEXT
        ),
        _observable("url", value=need(TEXT)),
        _observable(
            "user-account",
            any_of=True,
            user_id=TEXT,
            credential=WORD,
            account_login=TEXT,
            account_type=WORD,
            display_name=TEXT,
            is_service_account=BOOLEAN,
            is_privileged=BOOLEAN,
            can_escalate_privs=BOOLEAN,
            is_disabled=BOOLEAN,
            account_created=TIME,
            account_expires=TIME,
            credential_last_changed=TIME,
            account_first_login=TIME,
            account_last_login=TIME,
        ),
        _observable(
            "windows-registry-key",
            any_of=True,
            key=TEXT,
            values=many(nested(_REGISTRY_VALUE)),
            modified_time=TIME,
            creator_user_ref=ref("user-account"),
            number_of_subkeys=INTEGER,
        ),
        _observable(
            "x509-certificate",
            any_of=True,
            is_self_signed=BOOLEAN,
            hashes=HASHES,
            version=WORD,
            serial_number=TEXT,
            signature_algorithm=WORD,
            issuer=TEXT,
            validity_not_before=TIME,
            validity_not_after=TIME,
            subject=TEXT,
            subject_public_key_algorithm=WORD,
            subject_public_key_modulus=WORD,
            subject_public_key_exponent=INTEGER,
            x509_v3_extensions=nested(_CERTIFICATE_EXTENSIONS),
        ),
        _observable(
            "x-simpul-identifier", kind=need(enum(*IDENTIFIER_KINDS)), value=need(TEXT), country=WORD
        ),
    )
}

EXTENSIONS: Final[Mapping[str, Mapping[str, Record]]] = {
    "file": {
        "archive-ext": _extension("archive-ext", contains_refs=need(refs("file", "directory")), comment=TEXT),
        "ntfs-ext": _extension(
            "ntfs-ext", any_of=True, sid=TEXT, alternate_data_streams=many(nested(_DATA_STREAM))
        ),
        "pdf-ext": _extension(
            "pdf-ext",
            any_of=True,
            version=WORD,
            is_optimized=BOOLEAN,
            document_info_dict=DICTIONARY,
            pdfid0=WORD,
            pdfid1=WORD,
        ),
        "raster-image-ext": _extension(
            "raster-image-ext",
            any_of=True,
            image_height=INTEGER,
            image_width=INTEGER,
            bits_per_pixel=INTEGER,
            exif_tags=DICTIONARY,
        ),
        "windows-pebinary-ext": _extension(
            "windows-pebinary-ext",
            any_of=True,
            pe_type=need(WORD),
            imphash=TEXT,
            machine_hex=HEX,
            number_of_sections=COUNT,
            time_date_stamp=TIME,
            pointer_to_symbol_table_hex=HEX,
            number_of_symbols=COUNT,
            size_of_optional_header=COUNT,
            characteristics_hex=HEX,
            file_header_hashes=HASHES,
            optional_header=nested(_PE_HEADER),
            sections=many(nested(_PE_SECTION)),
        ),
    },
    "network-traffic": {
        "http-request-ext": _extension(
            "http-request-ext",
            request_method=need(WORD),
            request_value=need(TEXT),
            request_version=WORD,
            request_header=DICTIONARY,
            message_body_length=INTEGER,
            message_body_data_ref=ref("artifact"),
        ),
        "icmp-ext": _extension("icmp-ext", icmp_type_hex=need(HEX), icmp_code_hex=need(HEX)),
        "socket-ext": _extension(
            "socket-ext",
            address_family=need(
                enum(
                    "AF_UNSPEC",
                    "AF_INET",
                    "AF_IPX",
                    "AF_APPLETALK",
                    "AF_NETBIOS",
                    "AF_INET6",
                    "AF_IRDA",
                    "AF_BTH",
                )
            ),
            is_blocking=BOOLEAN,
            is_listening=BOOLEAN,
            options=DICTIONARY,
            socket_type=enum("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET"),
            socket_descriptor=COUNT,
            socket_handle=INTEGER,
        ),
        "tcp-ext": _extension("tcp-ext", any_of=True, src_flags_hex=HEX, dst_flags_hex=HEX),
    },
    "process": {
        "windows-process-ext": _extension(
            "windows-process-ext",
            any_of=True,
            aslr_enabled=BOOLEAN,
            dep_enabled=BOOLEAN,
            priority=WORD,
            owner_sid=TEXT,
            window_title=TEXT,
            startup_info=DICTIONARY,
            integrity_level=enum("low", "medium", "high", "system"),
        ),
        "windows-service-ext": _extension(
            "windows-service-ext",
            any_of=True,
            service_name=TEXT,
            descriptions=TEXTS,
            display_name=TEXT,
            group_name=TEXT,
            start_type=enum(
                "SERVICE_AUTO_START",
                "SERVICE_BOOT_START",
                "SERVICE_DEMAND_START",
                "SERVICE_DISABLED",
                "SERVICE_SYSTEM_ALERT",
            ),
            service_dll_refs=refs("file"),
            service_type=enum(
                "SERVICE_KERNEL_DRIVER",
                "SERVICE_FILE_SYSTEM_DRIVER",
                "SERVICE_WIN32_OWN_PROCESS",
                "SERVICE_WIN32_SHARE_PROCESS",
            ),
            service_status=enum(
                "SERVICE_CONTINUE_PENDING",
                "SERVICE_PAUSE_PENDING",
                "SERVICE_PAUSED",
                "SERVICE_RUNNING",
                "SERVICE_START_PENDING",
                "SERVICE_STOP_PENDING",
                "SERVICE_STOPPED",
            ),
        ),
    },
    "user-account": {
        "unix-account-ext": _extension(
            "unix-account-ext", any_of=True, gid=INTEGER, groups=TEXTS, home_dir=TEXT, shell=TEXT
        ),
    },
}
"""The predefined extensions by the type that may carry them. Other extensions are kept and not judged."""

CONTRIBUTING: Final[Mapping[str, tuple[str, ...]]] = {
    "artifact": ("hashes", "payload_bin"),
    "autonomous-system": ("number",),
    "directory": ("path",),
    "domain-name": ("value",),
    "email-addr": ("value",),
    "email-message": ("from_ref", "subject", "body"),
    "file": ("hashes", "name", "extensions", "parent_directory_ref"),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "mac-addr": ("value",),
    "mutex": ("name",),
    "network-traffic": (
        "start",
        "end",
        "src_ref",
        "dst_ref",
        "src_port",
        "dst_port",
        "protocols",
        "extensions",
    ),
    "software": ("name", "cpe", "swid", "vendor", "version"),
    "url": ("value",),
    "user-account": ("account_type", "user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
    "x509-certificate": ("hashes", "serial_number"),
    "x-simpul-identifier": ("kind", "value", "country"),
}
"""Properties from which each observable's deterministic id is made ("ID Contributing Properties")."""
