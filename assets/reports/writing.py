"""Writes the report of a send from the published copy.

A plain function, so that the asset and the command line write the same page. Figures, page and numbers do
not belong here.
"""

from pathlib import Path

from assets.warehouse.published import connect_published
from assets.warehouse.resources import Mailrail
from dashboards.pages.campaign import render_report
from dashboards.reader import UnknownSendError, read_send
from senders.errors import ConfigError


def write_report(mailrail: Mailrail, send_id: str, *, run_id: str = "") -> Path:
    """Write ``reports/<send_id>.html`` and return its path.

    Raises:
        ConfigError: the published copy does not know the send.
    """
    with connect_published(mailrail.published) as connection:
        try:
            frames = read_send(connection, send_id)
        except UnknownSendError as error:
            raise ConfigError(f"{error}; load what came back first: mailrail refresh") from None
    page = render_report(frames, provenance={"run_id": run_id, "git_commit": mailrail.git_commit})
    mailrail.reports.mkdir(parents=True, exist_ok=True)
    path = mailrail.reports / f"{send_id}.html"
    fresh = path.with_suffix(".new")
    fresh.write_text(page, encoding="utf-8")
    fresh.replace(path)
    return path
