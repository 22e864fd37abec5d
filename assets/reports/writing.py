"""Writes the report of a send from the published copy.

A plain function, so that the asset and the command line write the same page. Figures, page and numbers do
not belong here.
"""

from pathlib import Path

from assets.warehouse.published import connect_published
from assets.warehouse.resources import Mailrail
from dashboards.clickmap import click_map, read_specimen
from dashboards.formats import title
from dashboards.images import ImagesUnavailableError, write_images
from dashboards.pages.campaign import Origin, campaign_page
from dashboards.reader import OldCopyError, SendFrames, UnknownSendError, read_send
from dashboards.render import render_file
from dashboards.theme import PALETTES
from senders.errors import ConfigError


def write_report(mailrail: Mailrail, send_id: str, *, run_id: str = "") -> Path:
    """Write ``reports/<send_id>.html`` and return its path.

    Raises:
        ConfigError: the published copy does not know the send.
    """
    frames, document = _read(mailrail, send_id)
    origin = Origin({"Report made at commit": mailrail.git_commit, "Dagster run": run_id}, currency=mailrail.currency)
    pages = {mode: campaign_page(frames, origin=origin, click_map=document, mode=mode) for mode in PALETTES}
    page = render_file(pages, title=f"{title(frames.send['campaign'])} · report")
    mailrail.reports.mkdir(parents=True, exist_ok=True)
    path = mailrail.reports / f"{send_id}.html"
    fresh = path.with_suffix(".new")
    fresh.write_text(page, encoding="utf-8")
    fresh.replace(path)
    return path


def write_charts(mailrail: Mailrail, send_id: str, folder: Path) -> list[Path]:
    """Write every chart of a send's report as a PNG file and return their paths.

    Raises:
        ConfigError: the published copy does not know the send, or pictures cannot be made here.
    """
    frames, _ = _read(mailrail, send_id)
    try:
        return write_images(campaign_page(frames, origin=Origin(currency=mailrail.currency)), folder, name=send_id)
    except ImagesUnavailableError as error:
        raise ConfigError(str(error)) from None


def _read(mailrail: Mailrail, send_id: str) -> tuple[SendFrames, str | None]:
    """Return what the marts say about a send, and the document of its click map."""
    with connect_published(mailrail.published) as connection:
        try:
            frames = read_send(connection, send_id)
        except UnknownSendError as error:
            raise ConfigError(f"{error}; load what came back first: mailrail refresh") from None
        except OldCopyError as error:
            raise ConfigError(str(error)) from None
        specimen = read_specimen(connection, send_id)
    return frames, click_map(specimen, frames.links) if specimen else None
