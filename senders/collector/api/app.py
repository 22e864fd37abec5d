"""The API as an ASGI application of its own below ``/api/v1``: each call is let in, checked, carried out, answered.

The order is: method, key, scope, pace, body, meaning, ledger. A call is answered after its rows are durable, or with a
problem and nothing stored. Add a call in ``operations``; add here what is the same for all of them.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from senders.collector.api.door import Door, Incoming, Written, as_json
from senders.collector.api.keys import Caller, Keys
from senders.collector.api.openapi import as_text
from senders.collector.api.operations import Operation, Reading, Write, by_path
from senders.collector.api.pace import CallPace
from senders.collector.api.problems import Mistake, Problem, busy, failed, of_http, shown
from senders.collector.api.reading import parse, read_json_bytes
from senders.collector.api.suppressions import NO_REMOVAL
from senders.collector.lookups import Lookups
from senders.collector.routes import NO_STORE
from senders.collector.space import Space
from senders.collector.writes import Writes
from senders.config import CollectorConfig
from senders.errors import LedgerBusy, LedgerFull
from senders.ledger.idempotency import ApiCall, Outcome, carrying_out
from senders.ledger.store import Ledger

PREFIX = "/api/v1"
MAX_AT_ONCE = 64
"""Calls whose body is held in memory at once."""

_LARGE_BYTES = 16 * 1024
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")

AnyRoute = TypeVar("AnyRoute", Route, Mount)


class Api:
    """The API of one home folder."""

    def __init__(self, config: CollectorConfig, open_ledger: Callable[[], Ledger], space: Space) -> None:
        self._door = Door(config.home, config.api)
        self._reader = Lookups(open_ledger)
        # Apart from other writes: a thousand contacts never stand before a sign-up.
        self._writes = Writes(open_ledger, patience_seconds=config.busy_timeout_seconds, space=space)
        self._keys = Keys(lambda: self._reader.ask(lambda ledger: ledger.living_api_keys()))
        self._pace = CallPace(config.api.calls_per_second)
        self._at_once = 0

    def mount(self) -> Mount:
        """Return the route under which all of it stands."""
        app = Starlette(
            routes=[
                Route("/openapi.json", self.openapi, methods=["GET"]),
                *(
                    _to_the_end(Route(path.replace("{email}", "{email:path}"), _Endpoint(self, operations)))
                    for path, operations in by_path().items()
                ),
            ],
            exception_handlers={
                Problem: _problem,
                HTTPException: _http,
                LedgerBusy: _busy,
                Exception: _failed,
            },
        )
        app.router.redirect_slashes = False  # a redirected POST loses its body
        return _to_the_end(Mount(PREFIX, app=app))

    def close(self) -> None:
        """Store what waits and let go of the ledger."""
        self._writes.close()
        self._reader.close()

    async def openapi(self, request: Request) -> Response:
        """Show the document; it holds no secret and asks for no key."""
        return Response(as_text(), media_type="application/json", headers=NO_STORE)

    async def handle(self, request: Request, operation: Operation) -> Response:
        """Answer one call."""
        caller = await self._keys.caller(request.headers.get("authorization", ""))
        caller.require(operation.scope)
        self._pace.take(caller.key_id)
        if isinstance(operation, Reading):
            call, read = self._incoming(request, caller), operation.read
            body = await self._reader.ask(lambda ledger: as_json(read(self._door, call, ledger)))
            return _answer(operation.status, body)
        return await self._one_of_few(self._write(request, operation.write, caller))

    async def _one_of_few(self, work: Coroutine[Any, Any, Response]) -> Response:
        """Carry on with a call that holds a body in memory, or refuse it where too many do."""
        if self._at_once >= MAX_AT_ONCE:
            work.close()
            raise busy(f"{MAX_AT_ONCE} calls are in hand already")
        self._at_once += 1
        try:
            return await work
        finally:
            self._at_once -= 1

    async def _write(self, request: Request, write: Write, caller: Caller) -> Response:
        idempotency_key = _idempotency_key(request) if request.method == "POST" else ""
        body = await read_json_bytes(request)

        def prepare() -> Written:
            incoming = self._incoming(request, caller, parse(body))
            return write(self._door, incoming)

        # A large body is checked beside the event loop: an unsubscribe must not wait for it.
        written = await asyncio.to_thread(prepare) if len(body) > _LARGE_BYTES else prepare()
        said = f"{request.method} {request.url.path}\n".encode()
        call = ApiCall(
            account=caller.name,
            idempotency_key=idempotency_key,
            fingerprint=hashlib.blake2b(said + body, digest_size=16).digest(),
            status=written.status,
            body=written.body,
            events=written.events,
            mail=written.mail,
        )
        suppresses = bool(call.events) and all(event.suppresses for event in call.events)
        answer = await self._writes.run(carrying_out(call, self._door.now()), rows=call.rows, suppresses=suppresses)
        if answer.outcome is Outcome.CONFLICT:
            raise Problem(
                409,
                "idempotency-key",
                "The Idempotency-Key was used for another call",
                "this key came before with another path or body; take a new key for each call, and the same only to "
                "repeat it; nothing was stored",
            )
        repeated = {"Idempotency-Replayed": "true"} if answer.outcome is Outcome.REPEATED else {}
        return _answer(answer.status, answer.body, repeated)

    def _incoming(self, request: Request, caller: Caller, value: Any = None) -> Incoming:
        return Incoming(
            caller=caller,
            now=self._door.now(),
            path=request.path_params,
            query=request.query_params,
            value=value,
            ip=request.client.host if request.client else "",
            method=request.method,
        )


class _Endpoint:
    """All methods of one path; ASGI, so that Starlette leaves the methods to us."""

    def __init__(self, api: Api, operations: dict[str, Operation]) -> None:
        self._api = api
        self._operations = operations

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call, or say which methods there are."""
        request = Request(scope, receive)
        operation = self._operations.get(request.method)
        if operation is None:
            raise self._no_method(request)
        response = await self._api.handle(request, operation)
        await response(scope, receive, send)

    def _no_method(self, request: Request) -> Problem:
        known = ", ".join(sorted(self._operations))
        problem = of_http(405, {"Allow": known})
        if request.method == "DELETE" and "suppressions" in request.url.path:
            problem.detail = NO_REMOVAL
        return problem


def _to_the_end(route: AnyRoute) -> AnyRoute:
    """Let a route take a path with a line break (%0A) in it: Starlette's does not, and a page would answer for us."""
    route.path_regex = re.compile(route.path_regex.pattern.replace(".*", "(?s:.*)"))
    return route


def _idempotency_key(request: Request) -> str:
    """Return the caller's key for this call, '' for none.

    Raises:
        Problem: it cannot be used (400).
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return ""
    if len(given) > 1 or not _IDEMPOTENCY_KEY.fullmatch(given[0]):
        mistake = Mistake(
            "Idempotency-Key", "cannot be used", "send one, of 1 to 255 visible ASCII characters", shown(given[0])
        )
        raise Problem(
            400, "header", "A header cannot be used", "the header Idempotency-Key; nothing was stored", [mistake]
        )
    return given[0]


def _answer(status: int, body: str, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status_code=status, media_type="application/json", headers=NO_STORE | (headers or {}))


async def _problem(request: Request, error: Exception) -> Response:
    return (error if isinstance(error, Problem) else failed()).response()


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    headers = error.headers if isinstance(error, HTTPException) else None
    return of_http(status, headers).response()


async def _busy(request: Request, error: Exception) -> Response:
    problem = busy("the disk is full") if isinstance(error, LedgerFull) else busy()
    return problem.response()


async def _failed(request: Request, error: Exception) -> Response:
    return failed().response()
