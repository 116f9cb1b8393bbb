"""What a node answers over HTTP.

To anybody who reaches it, without content and without the names of partners:

    GET /health     {"status": "ok"}; 503 when the database cannot be read
    GET /version    {"simpul": …, "protocol": …, "realm": …, "party": …}
    GET /metrics    Prometheus text
    GET /api/schema the OpenAPI document

Under /api/v1, to a person who is signed in: what the command line does, in the same JSON (docs/reference/api.md).
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar, Response, Router, get
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from simpul import __version__
from simpul.api import (
    agreement_routes,
    circle_routes,
    consent_routes,
    desk_routes,
    policy_routes,
    product_routes,
    reading_routes,
    recall_routes,
    session_routes,
)
from simpul.api.dependencies import DEPENDENCIES, NODE
from simpul.api.guarding import SESSIONS, signed_in
from simpul.api.problems import HANDLERS
from simpul.api.sessions import Sessions
from simpul.domain.queries import EVERYTHING, HOME
from simpul.errors import HomeFault
from simpul.protocol.versions import VERSION
from simpul.services.node import Node

BODY_LIMIT: Final = 8 << 20
"""Bytes of a request, at most."""

_ROUTES: Final = (
    *reading_routes.ROUTES,
    *product_routes.ROUTES,
    *policy_routes.ROUTES,
    *agreement_routes.ROUTES,
    *circle_routes.ROUTES,
    *consent_routes.ROUTES,
    *recall_routes.ROUTES,
    *desk_routes.ROUTES,
)


def application(node: Node) -> Litestar:
    """The HTTP application of one node."""

    @get("/health", sync_to_thread=False)
    def health() -> Response[dict[str, str]]:
        """Whether the database answers."""
        try:
            with node.store.read() as unit:
                unit.journal.size()
        except HomeFault as fault:
            return Response({"status": fault.code}, status_code=503)
        return Response({"status": "ok"})

    @get("/version", sync_to_thread=False)
    def version() -> dict[str, Any]:
        """What runs here."""
        return {
            "simpul": __version__,
            "protocol": VERSION.number,
            "realm": node.realm,
            "party": node.party,
        }

    @get("/metrics", sync_to_thread=False)
    def metrics() -> Response[bytes]:
        """Prometheus text format."""
        return Response(measures(node), media_type=CONTENT_TYPE_LATEST)

    return Litestar(
        route_handlers=[
            health,
            version,
            metrics,
            *for_people(),
        ],
        state=State({NODE: node, SESSIONS: Sessions(node)}),
        exception_handlers=HANDLERS,
        request_max_body_size=BODY_LIMIT,
        logging_config=None,  # the program says where its log goes, not the framework
        openapi_config=OpenAPIConfig(
            title="Simpul node", version=__version__, path="/api/schema", use_handler_docstrings=True
        ),
    )


def for_people() -> list[Router]:
    """The routes under /api/v1: signing in, and all that a person who is signed in can do."""
    return [
        Router("/api/v1", route_handlers=session_routes.ROUTES),
        Router("/api/v1", route_handlers=_ROUTES, guards=[signed_in], dependencies=DEPENDENCIES),
    ]


def measures(node: Node) -> bytes:
    """The node's measures as Prometheus text: counts of objects, messages and leaves; never what they are about."""
    registry = CollectorRegistry()
    with node.store.read() as unit:
        counters = unit.directory.counters()
        pending = unit.mail.pending()
        values = {
            "simpul_objects_stored": unit.objects.count(HOME, EVERYTHING),
            "simpul_log_leaves": unit.journal.size(),
            "simpul_jobs_waiting": unit.jobs.waiting(),
            "simpul_quarantine_waiting": len(unit.mail.quarantined()),
            "simpul_outbox_messages": sum(sum(states.values()) for states in pending.values()),
        }
    for name, value in values.items():
        Gauge(name, name.replace("_", " "), registry=registry).set(value)
    exchanged = Gauge("simpul_objects", "objects by what became of them", ["what"], registry=registry)
    for what, count in counters.items():
        exchanged.labels(what).set(count)
    return generate_latest(registry)
