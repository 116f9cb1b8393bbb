"""Who asks: the bearer token of a request, resolved to the person behind it before a handler is called."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from simpul.api.sessions import Sessions
from simpul.errors import Unauthorised
from simpul.services.enrolling import Signer

SESSIONS: Final = "sessions"
"""Under this name the application's state holds its `Sessions`."""

_BEARER: Final = "bearer "


def token_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The bearer token of a request. Raises `Unauthorised` where there is none."""
    given = connection.headers.get("authorization", "")
    if not given.lower().startswith(_BEARER):
        raise Unauthorised(
            "this needs a person who is signed in", input="Authorization", do="POST /api/v1/session first"
        )
    return given[len(_BEARER) :].strip()


def signed_in(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: refuses whoever is not signed in, before anything of the request is read."""
    sessions: Sessions = connection.app.state[SESSIONS]
    connection.state["signer"] = sessions.signer(token_of(connection))


def acting(request: Request[Any, Any, Any]) -> Signer:
    """A dependency: the person whom the guard let in."""
    signer: Signer = request.state["signer"]
    return signer
