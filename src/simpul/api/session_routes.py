"""Signing in and out.

POST   /api/v1/session   {"user", "passphrase"} -> {"token", "user", "expires"}
DELETE /api/v1/session   of the bearer of the token
"""

from __future__ import annotations

from typing import Any

from litestar import Request, delete, post
from litestar.datastructures import State
from litestar.params import JSONBody
from msgspec import Struct

from simpul.api.guarding import SESSIONS, token_of
from simpul.api.sessions import Sessions
from simpul.services.times import rfc3339


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs in."""

    user: str
    passphrase: str


@post("/session", sync_to_thread=True)
def sign_in(state: State, data: JSONBody[SignIn]) -> dict[str, Any]:
    """Begin a session: the token stands for the person until it is idle for 15 minutes, 8 hours at most."""
    sessions: Sessions = state[SESSIONS]
    opened = sessions.sign_in(data.user, data.passphrase)
    return {"token": opened.token, "user": opened.user, "expires": rfc3339(opened.expires)}


@delete("/session", sync_to_thread=False)
def sign_out(request: Request[Any, Any, Any], state: State) -> None:
    """End the session whose token the request bears."""
    sessions: Sessions = state[SESSIONS]
    sessions.sign_out(token_of(request))


ROUTES = (sign_in, sign_out)
