"""Charts as PNG files, for slides and mails.

Drawn by the same functions as on the pages, in a Chromium that is on this machine. Add other picture formats here;
which charts a page has is the page's affair.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboards.render import charts_in

WIDTH, SCALE = 900, 2


class ImagesUnavailableError(RuntimeError):
    """Pictures cannot be made here; the sentence says what is missing."""


def write_images(page: Any, folder: Path, *, name: str) -> list[Path]:
    """Write every chart of a page as ``<name>-<chart>.png``.

    Raises:
        ImagesUnavailableError: the library or the browser is not there.
    """
    charts: Mapping[str, Any] = dict(charts_in(page))
    try:
        import kaleido
    except ImportError:
        remedy = "install the extra: pip install 'mailrail[images]'"
        raise ImagesUnavailableError(f"pictures of charts need kaleido, which is not installed; {remedy}.") from None
    folder.mkdir(parents=True, exist_ok=True)
    paths = {chart: folder / f"{name}-{chart.removeprefix('chart-')}.png" for chart in charts}
    specs = [
        {
            "fig": _on_ground(figure),
            "path": str(paths[chart]),
            "opts": {"format": "png", "width": WIDTH, "height": figure.layout.height, "scale": SCALE},
        }
        for chart, figure in charts.items()
    ]
    try:
        kaleido.write_fig_from_object_sync(specs)
    except Exception as error:
        if "hrom" in f"{type(error).__name__} {error}":
            remedy = "install one, such as Debian's chromium"
            raise ImagesUnavailableError(f"pictures of charts need a Chromium, and none starts; {remedy}.") from error
        raise
    return list(paths.values())


def _on_ground(figure: Any) -> dict[str, Any]:
    # On a page the card is the ground; a picture needs one of its own.
    shown: dict[str, Any] = figure.to_dict()
    shown["layout"] = {**shown["layout"], "paper_bgcolor": "#ffffff", "margin": {"l": 30, "r": 30, "t": 40, "b": 40}}
    return shown
