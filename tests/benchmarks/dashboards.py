"""Benchmarks of what a person waits for in the dashboards: the queries of each page, and its first paint.

Add here what concerns pages over a large mart. The mart is made once for all of them by ``marts``; what one page
alone costs to draw belongs to the tests of its figures.
"""

import multiprocessing
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from assets.warehouse.published import connect_published
from dashboards import reader
from dashboards.clickmap import read_specimen
from dashboards.timeline import read_timeline
from tests.benchmarks.marts import publish_marts
from tests.benchmarks.measure import Benchmark, Measured, Missing, Rounds, rounds, seconds
from tests.fixtures.browser import CHROMIUM, chromium

_TIMES = 5
_VIEWS = 3
_WINDOW = {"width": 1440, "height": 900}
# React puts a page into the document at once, tiles and tables with the headline; the second frame has shown them.
_WATCH = """(() => {
  const look = () => {
    if (window.painted !== undefined || !document.querySelector("#content h1")) return;
    window.painted = 0;
    requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now(); }));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
})();"""

# Playwright's own waiting for a function would need eval, which the pages' policy forbids.
_PAINTED = """() => new Promise((done) => {
  const look = () => { if (window.painted) done(window.painted); else setTimeout(look, 20); };
  look();
})"""


class Recorder:
    """A connection that takes down every query that is asked of it, with its parameters."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.asked: list[tuple[str, Any]] = []

    def sql(self, query: str, params: Any = None) -> duckdb.DuckDBPyRelation:
        """Ask as a relation."""
        self.asked.append((query, params))
        return self._connection.sql(query, params=params)

    def execute(self, query: str, params: Any = None) -> duckdb.DuckDBPyConnection:
        """Ask and run."""
        self.asked.append((query, params))
        return self._connection.execute(query, params)

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        """Name a table; only the sample of a segment does, so the query is written as that asks."""
        self.asked.append((f"select contact_id from {name} order by contact_id limit 20", None))
        return self._connection.table(name)


def _open(folder: Path) -> duckdb.DuckDBPyConnection:
    return connect_published(folder / "published")


def _send(connection: Any) -> str:
    query = "select send_id from marts.rpt_send_metrics order by scheduled_at limit 1 offset 25"
    [(send_id,)] = connection.execute(query).fetchall()
    return send_id


def _contact(connection: Any) -> str:
    """Return one with many messages, since a page is as slow as what it shows."""
    query = "select contact_id from marts.fct_messages group by 1 order by count(*) desc, 1 limit 1"
    [(contact_id,)] = connection.execute(query).fetchall()
    return contact_id


def _campaign(connection: Any, send_id: str) -> None:
    reader.read_send(connection, send_id)
    read_specimen(connection, send_id)


# Each page: its address, what it reads (as ``dashboards.routes`` does), and what the address names.
_FILTERS = reader.CampaignFilters(search="campaign", sort="revenue")
_Named = Callable[[Any], str]
_PAGES: dict[str, tuple[str, Callable[[Any, str], object], _Named]] = {
    "overview": ("/?period=all", lambda connection, _: reader.read_overview(connection, "all"), lambda _: ""),
    "campaigns": ("/campaigns", lambda connection, _: reader.read_campaigns(connection, _FILTERS), lambda _: ""),
    "campaign": ("/campaigns/{}", _campaign, _send),
    "segments": ("/segments", lambda connection, _: reader.read_segments(connection), lambda _: ""),
    "segment": ("/segments/{}", reader.read_segment, lambda _: "seg_all_contacts"),
    "contact": ("/contacts/{}", read_timeline, _contact),
}


def _read(connection: Any, page: str, named: str) -> None:
    _PAGES[page][1](connection, named)
    reader.read_published(connection)  # stands beside every page


def _page_seconds(folder: Path, page: str) -> float:
    """Return the median time from opening the copy to the last frame of a page."""
    with _open(folder) as connection:
        named = _PAGES[page][2](connection)

    def once() -> None:
        with _open(folder) as connection:
            _read(connection, page, named)

    once()
    return median(seconds(once) for _ in range(_TIMES))


def page_query_ms(folder: Path, page: str) -> Measured:
    """How long the queries of one page take together, opening the copy included."""
    return Measured(1000 * _page_seconds(folder, page), f"{_amount(folder)}; median of {_TIMES}, copy opened each time")


def slowest_query_ms(folder: Path) -> Measured:
    """How long the queries of the slowest page take together."""
    found = {page: 1000 * _page_seconds(folder, page) for page in _PAGES}
    told = ", ".join(f"{page} {value:.0f}" for page, value in found.items())
    return Measured(max(found.values()), f"{_amount(folder)}; ms of each page's queries: {told}")


def query_ratio(folder: Path) -> Measured:
    """How much longer the reader takes for all pages than DuckDB for the same statements."""
    with _open(folder) as connection:
        found = {page: _compare(connection, page) for page in _PAGES}
    reference, ours = sum(pair.reference for pair in found.values()), sum(pair.ours for pair in found.values())
    told = ", ".join(f"{page} {pair.ratio:.2f}" for page, pair in found.items())
    return Measured(
        ours / reference,
        f"the same SQL by DuckDB's execute and fetchall: {1000 * reference:.0f} ms for all pages, ours "
        f"{1000 * ours:.0f} ms; ratio of each page: {told}; {_amount(folder)}",
    )


def _compare(connection: duckdb.DuckDBPyConnection, page: str) -> Rounds:
    named = _PAGES[page][2](connection)
    recorder = Recorder(connection)
    _read(recorder, page, named)

    def bare() -> None:
        for query, params in recorder.asked:
            connection.execute(query, params).fetchall()

    def best(work: Callable[[], object]) -> float:
        return min(seconds(work) for _ in range(_TIMES))

    return rounds(lambda: best(bare), lambda: best(lambda: _read(connection, page, named)))


def first_paint_seconds(folder: Path) -> Measured:
    """How long a browser with nothing in its cache takes to paint the head and tiles of the slowest page.

    Raises:
        Missing: there is no Chromium on this machine.
    """
    if CHROMIUM is None:
        raise Missing("no Chromium on this machine (Debian: apt-get install --no-install-recommends chromium)")
    with _open(folder) as connection:
        paths = {page: path.format(named(connection)) for page, (path, _, named) in _PAGES.items()}
    with _served(folder) as base, chromium() as browser:
        found = {page: _paint_seconds(browser, base + path) for page, path in paths.items()}
    told = ", ".join(f"{page} {value:.2f}" for page, value in found.items())
    return Measured(
        max(found.values()),
        f"from navigation until headline, tiles and tables are on the screen, charts follow; cold browser cache, "
        f"running server, median of {_VIEWS} views; s of each page: {told}; {_amount(folder)}",
    )


def _paint_seconds(browser: Any, address: str) -> float:
    _view(browser, address)  # the server's first answer imports and compresses
    return median(_view(browser, address) for _ in range(_VIEWS))


def _view(browser: Any, address: str) -> float:
    context = browser.new_context(viewport=_WINDOW)
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.goto(address, wait_until="commit")
    page.wait_for_selector("#content h1", timeout=30_000)
    painted = page.evaluate(_PAINTED)
    page.wait_for_load_state("networkidle")  # what it draws later must not fall on the next view
    context.close()
    return painted / 1000


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Run the dashboards in a process of their own, as a project does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, listener), daemon=True)
        server.start()
        try:
            urllib.request.urlopen(f"{base}/health", timeout=30).close()
            yield base
        finally:
            server.terminate()
            server.join(10)


def _serve(folder: Path, listener: socket.socket) -> None:
    import uvicorn

    from dashboards.app import create_app
    from dashboards.routes import Reading

    app = create_app(Reading(connect=lambda: _open(folder)))
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


def _amount(folder: Path) -> str:
    with _open(folder) as connection:
        [(messages, sends)] = connection.execute(
            "select count(*), count(distinct send_no) from marts.fct_messages"
        ).fetchall()
    return f"{messages:,} messages of {sends} sends"


_made = partial(Benchmark, limit_seconds=150, prepare=publish_marts)
BENCHMARKS = (
    *(_made(f"dashboards.{page}_query_ms", "ms", "<= 300", partial(page_query_ms, page=page)) for page in _PAGES),
    _made("dashboards.slowest_query_ms", "ms", "<= 300", slowest_query_ms),
    _made("dashboards.first_paint_seconds", "s", "<= 2", first_paint_seconds),
    _made("dashboards.query_ratio", "ratio", "<= 1.5", query_ratio),
)
