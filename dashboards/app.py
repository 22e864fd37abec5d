"""The dashboards as one ASGI application: Dash on FastAPI, behind a gate.

Makes the app and answers its few callbacks; it only reads, and one connection is opened and closed per page. Pages
belong to ``pages``, the way from an address to a page to ``routes``.
"""

import logging
import urllib.parse
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output
from dash.backends._fastapi import FastAPIDashServer
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.bundles import Bundles
from dashboards.gate import Gate
from dashboards.layout import DARK, LIGHT, MODE, PLACE, SHELL, skeleton
from dashboards.packing import pack
from dashboards.pages.contact import FIELD
from dashboards.reader import OldCopyError
from dashboards.render import ASSETS
from dashboards.routes import Reading, download, show
from dashboards.theme import style_variables

LOG = logging.getLogger(__name__)
_LONGEST_FORM = 2000
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_INDEX = """\
<!doctype html>
<html lang="en">
<head>
{%metas%}
<meta name="referrer" content="same-origin">
<title>Mailrail</title>
<link rel="icon" type="image/svg+xml" href="/assets/icon.svg">
<style>VARIABLES</style>
<link rel="stylesheet" href="/assets/base.css">
<link rel="stylesheet" href="/assets/style.css">
<script src="/assets/theme.js"></script>
{%css%}
</head>
<body>
{%app_entry%}
{%config%}
{%scripts%}
{%renderer%}
</body>
</html>
"""


class _Backend(FastAPIDashServer):  # type: ignore[misc]
    """Dash's own server, without its websocket and without FastAPI's pages, which load from elsewhere."""

    websocket_capability = False

    @staticmethod
    def create_app(name: str = "", config: dict[str, Any] | None = None) -> FastAPI:
        """Return the web application below Dash."""
        return FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


def create_app(reading: Reading, *, hosts: tuple[str, ...] = ()) -> Gate:
    """Return the application.

    Args:
        reading: what the pages read from.
        hosts: host names that people use beside this machine's own.
    """
    app = dash.Dash(
        __name__,
        backend=_Backend,
        assets_folder=str(ASSETS),
        include_assets_files=False,  # they stand in the index: Dash finds them only after the first request
        title="Mailrail",
        update_title="",
        add_log_handler=False,
        suppress_callback_exceptions=True,
        health_endpoint="health",
    )
    app.index_string = _INDEX.replace("VARIABLES", style_variables())
    app.layout = skeleton
    _add_callbacks(app, reading)
    hashes = app.csp_hashes()
    server: FastAPI = app.server
    _add_forms(server, reading)
    server.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    server.add_middleware(Bundles)  # outside of the compression, whose result it keeps
    return Gate(server, hosts=(*LOOPBACK, *hosts), script_hashes=hashes)


def _add_callbacks(app: Any, reading: Reading) -> None:
    app.clientside_callback(
        ClientsideFunction("mailrail", "mode"),
        Output(MODE, "data"),
        Output(LIGHT, "aria-pressed"),
        Output(DARK, "aria-pressed"),
        Input(LIGHT, "n_clicks"),
        Input(DARK, "n_clicks"),
    )

    @app.callback(Output(SHELL, "children"), Input(PLACE, "pathname"), Input(PLACE, "search"), Input(MODE, "data"))  # type: ignore[untyped-decorator]
    def page(path: str | None, search: str | None, mode: str | None) -> Any:
        if mode not in ("light", "dark"):
            raise dash.exceptions.PreventUpdate
        return pack(show(reading, path or "/", search or "", "dark" if mode == "dark" else "light"))


def _add_forms(server: FastAPI, reading: Reading) -> None:
    @server.post("/contacts/find")
    async def find(request: Request) -> Response:
        asked = urllib.parse.parse_qs((await request.body())[:_LONGEST_FORM].decode("utf-8", "replace"))
        contact_id = reading.find_contact(asked.get(FIELD, [""])[0])
        return RedirectResponse(f"/contacts/{contact_id}" if contact_id else "/contacts?unknown=1", status_code=303)

    @server.get("/download/campaigns.csv")
    def campaigns(request: Request) -> Response:
        try:
            text = download(reading, str(request.url.query))
        except OldCopyError as error:
            return Response(f"{error}\n", status_code=503, media_type="text/plain; charset=utf-8")
        headers = {"content-disposition": 'attachment; filename="campaigns.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
