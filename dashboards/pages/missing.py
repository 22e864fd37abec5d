"""What stands where there is nothing to show: nothing published, an unknown address, a fault of ours.

Each says what is missing and the command that helps. Add a page here when a whole page has nothing to show; a card
without data says so itself.
"""

from dash import html

from dashboards.elements import Part, words


def unpublished_page() -> Part:
    """Return the page of a home where nothing was published yet."""
    return _page("Nothing is published yet", "The dashboards read the published copy of the marts.", "mailrail refresh")


def old_page(what: str) -> Part:
    """Return the page for a published copy that an older version made; ``what`` says what it lacks."""
    return _page("The published copy is an old one", what, "mailrail refresh")


def missing_page(what: str, remedy: str = "") -> Part:
    """Return the page for an address that leads nowhere; ``what`` says what was looked for."""
    return _page("There is no such page", what, remedy)


def failed_page() -> Part:
    """Return the page for a fault of ours; its trace stands in the log and nowhere else."""
    return _page("This page could not be made", "The log of the dashboards says why.", "mailrail doctor")


def _page(head: str, sentence: str, command: str) -> Part:
    parts = [html.H1(head), html.P(words(sentence, 400), className="facts")]
    if command:
        parts.append(html.P(html.Code(command, className="mono")))
    return html.Main(html.Div(parts, className="card nothing"))
