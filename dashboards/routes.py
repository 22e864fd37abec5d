"""From an address to its page: which frames are read, and which page shows them.

The address line holds everything that was chosen, so that a page can be sent to a colleague. Add a page here; what it
shows belongs to ``pages``, what it reads to ``reader``.
"""

import logging
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import duckdb

from dashboards.clickmap import click_map, read_specimen
from dashboards.elements import Part
from dashboards.layout import around
from dashboards.pages.campaign import Origin, campaign_page
from dashboards.pages.campaigns import PAGE, SEARCH, campaigns_page, page_number
from dashboards.pages.contact import contact_page, contacts_page
from dashboards.pages.missing import failed_page, missing_page, old_page, unpublished_page
from dashboards.pages.overview import DEFAULT, overview_page
from dashboards.pages.segments import segment_page, segments_page
from dashboards.reader import (
    SORTABLE,
    CampaignFilters,
    OldCopyError,
    UnknownPeriodError,
    UnknownSegmentError,
    UnknownSendError,
    read_campaigns,
    read_choices,
    read_overview,
    read_published,
    read_segment,
    read_segments,
    read_send,
)
from dashboards.theme import Mode
from dashboards.timeline import UnknownContactError, read_timeline

LOG = logging.getLogger(__name__)
Connection = duckdb.DuckDBPyConnection
Asked = Mapping[str, str]

_UNKNOWN = (UnknownSendError, UnknownSegmentError, UnknownPeriodError)
_MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What the pages read from, and where else one may go.

    Attributes:
        connect: opens the published copy; None where nothing is published yet.
        find_contact: the contact_id of an address; None for what is no address.
        links: other places of this installation, name to address.
        dagster_url: address of the Dagster UI; '' for none.
        currency: the sign or code before amounts.
    """

    connect: Callable[[], Connection | None]
    find_contact: Callable[[str], str | None] = lambda address: None
    links: Mapping[str, str] = field(default_factory=dict)
    dagster_url: str = ""
    currency: str = ""

    def asset_url(self, *key: str, partition: str = "") -> str:
        """Return the address of an asset in the Dagster UI; '' where there is none."""
        if not self.dagster_url:
            return ""
        place = "/".join(urllib.parse.quote(part, safe="") for part in key)
        asked = f"?{urllib.parse.urlencode({'partition': partition})}" if partition else ""
        return f"{self.dagster_url}/assets/{place}{asked}"


def show(reading: Reading, path: str, search: str, mode: Mode) -> Part:
    """Return the whole page of an address; one that cannot be made says so, and the log says why."""
    asked = dict(urllib.parse.parse_qsl(search.lstrip("?")))
    try:
        connection = reading.connect()
        if connection is None:
            return around(unpublished_page(), path=path, freshness=None, links=reading.links)
        with connection:
            page = _page(connection, reading, path, asked, mode)
            return around(page, path=path, freshness=read_published(connection), links=reading.links)
    except OldCopyError as error:
        return around(old_page(str(error)), path=path, freshness=None, links=reading.links)
    except Exception:
        LOG.exception("the page %s could not be made", path)
        return around(failed_page(), path=path, freshness=None, links=reading.links)


def _page(connection: Connection, reading: Reading, path: str, asked: Asked, mode: Mode) -> Part:
    first, _, rest = urllib.parse.unquote(path).strip("/").partition("/")
    show_page = _PAGES.get((first, bool(rest)))
    if show_page is None:
        return missing_page(f"{path} leads nowhere.")
    try:
        return show_page(connection, reading, rest, asked, mode)
    except _UNKNOWN as error:
        return missing_page(str(error))


def _overview(connection: Connection, reading: Reading, _: str, asked: Asked, mode: Mode) -> Part:
    period = asked.get("period", DEFAULT)
    return overview_page(read_overview(connection, period), period=period, currency=reading.currency, mode=mode)


def _campaigns(connection: Connection, reading: Reading, _: str, asked: Asked, mode: Mode) -> Part:
    found = read_campaigns(connection, _filters(asked, limit=PAGE, offset=(page_number(asked) - 1) * PAGE))
    topics = read_choices(connection)["topic"]
    return campaigns_page(found.sends, found.total, topics=topics, asked=asked, currency=reading.currency)


def _campaign(connection: Connection, reading: Reading, send_id: str, _: Asked, mode: Mode) -> Part:
    frames = read_send(connection, send_id)
    specimen = read_specimen(connection, send_id)
    return campaign_page(
        frames,
        origin=_origin(reading, send_id),
        click_map=click_map(specimen, frames.links) if specimen else None,
        mode=mode,
    )


def _segments(connection: Connection, reading: Reading, _: str, asked: Asked, mode: Mode) -> Part:
    return segments_page(read_segments(connection))


def _segment(connection: Connection, reading: Reading, name: str, _: Asked, mode: Mode) -> Part:
    frames = read_segment(connection, name)
    model = reading.asset_url("segments", name)
    return segment_page(frames, model_url=model, currency=reading.currency, mode=mode)


def _contacts(connection: Connection, reading: Reading, _: str, asked: Asked, mode: Mode) -> Part:
    return contacts_page(unknown="unknown" in asked)


def _contact(connection: Connection, reading: Reading, contact_id: str, _: Asked, mode: Mode) -> Part:
    try:
        return contact_page(read_timeline(connection, contact_id), currency=reading.currency)
    except UnknownContactError:
        return contacts_page(unknown=True)


_PAGES: Mapping[tuple[str, bool], Callable[[Connection, Reading, str, Asked, Mode], Part]] = {
    ("", False): _overview,
    ("campaigns", False): _campaigns,
    ("campaigns", True): _campaign,
    ("segments", False): _segments,
    ("segments", True): _segment,
    ("contacts", False): _contacts,
    ("contacts", True): _contact,
}


def _origin(reading: Reading, send_id: str) -> Origin:
    campaign, _, key = send_id.rpartition(".")
    links = {
        "Dagster runs": reading.asset_url("campaigns", campaign, "receipts", partition=key),
        "Model": reading.asset_url("marts", "rpt_send_metrics"),
    }
    return Origin(links={name: address for name, address in links.items() if address}, currency=reading.currency)


def _filters(asked: Asked, *, limit: int, offset: int = 0) -> CampaignFilters:
    """Return the filters of the address line; what cannot be sorted by is passed over."""
    sort = asked.get("sort", "")
    return CampaignFilters(
        topic=asked.get("topic") or None,
        state=asked.get("state") or None,
        search=asked.get(SEARCH) or None,
        sort=sort if sort in SORTABLE else "scheduled_at",
        descending=asked.get("order") != "asc",
        limit=limit,
        offset=offset,
    )


def download(reading: Reading, query: str) -> str:
    """Return the list of sends as CSV, with the filters of the address line; empty where nothing is published."""
    connection = reading.connect()
    if connection is None:
        return ""
    with connection:
        found = read_campaigns(connection, _filters(dict(urllib.parse.parse_qsl(query)), limit=_MOST_ROWS))
    return found.sends.write_csv()
