"""How a failure is said over HTTP: the same error document as on the command line, under a fitting status."""

from __future__ import annotations

import logging
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException

from simpul.api.sessions import TooManyTries
from simpul.errors import (
    Ambiguous,
    HomeBusy,
    HomeFault,
    InputFault,
    NotFound,
    PartnerFault,
    Refusal,
    RelayFault,
    SimpulError,
    TooLarge,
    Unauthorised,
)

_STATUS: Final[tuple[tuple[type[SimpulError], int], ...]] = (
    (TooManyTries, 429),
    (Unauthorised, 401),
    (NotFound, 404),
    (Ambiguous, 409),
    (TooLarge, 413),
    (InputFault, 400),
    (Refusal, 403),
    (PartnerFault, 422),
    (RelayFault, 502),
    (HomeBusy, 503),
    (HomeFault, 500),
)
"""The first class that fits decides; the rest is a defect of ours."""

_log = logging.getLogger(__name__)


def status_of(fault: SimpulError) -> int:
    """The HTTP status of an error of ours."""
    return next((status for kind, status in _STATUS if isinstance(fault, kind)), 500)


def _say(_: Request[Any, Any, Any], fault: SimpulError) -> Response[dict[str, Any]]:
    return Response(fault.document(), status_code=status_of(fault))


def _say_framework(_: Request[Any, Any, Any], fault: HTTPException) -> Response[dict[str, Any]]:
    """What the framework refuses before a handler is called: an unknown path, a body of another shape."""
    code = {404: "not-found", 401: "unauthorised", 413: "too-large"}.get(fault.status_code, "bad-input")
    error = SimpulError(fault.detail or "the request cannot be answered")
    error.code = code
    return Response(error.document(), status_code=fault.status_code)


def _say_defect(_: Request[Any, Any, Any], fault: Exception) -> Response[dict[str, Any]]:
    """A defect of ours: its kind goes to the log of this process, nothing of what it worked on to the caller."""
    _log.error("a request failed in a way it should not: %s", type(fault).__name__)
    error = SimpulError("Simpul failed in a way it should not", do="report it, with the log of this process")
    error.code = "internal"
    return Response(error.document(), status_code=500)


HANDLERS: Final[dict[int | type[Exception], Any]] = {
    SimpulError: _say,
    HTTPException: _say_framework,
    Exception: _say_defect,
}
"""For `Litestar(exception_handlers=…)`."""
