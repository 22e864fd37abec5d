"""Turns a template and figures into one HTML file that asks nobody for anything.

Plotly's script travels inside, compressed; a policy in the page names the two scripts that may run by their
hashes, so text from outside stays text even if it were not escaped. What a page says belongs to ``pages``.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dashboards import formats
from dashboards.theme import Mode, style_variables

TEMPLATES = Path(__file__).parent / "templates"


def render_page(template: str, figures: Mapping[str, Mapping[Mode, Any]], **context: object) -> str:
    """Return a page.

    Args:
        template: name of a file in ``templates``.
        figures: per chart its figures, by mode.
        context: what the template reads.
    """
    boot = _file("report.js")
    packed, plotly_hash = _plotly()
    return (
        _environment()
        .get_template(template)
        .render(
            **context,
            charts={name: next(iter(modes.values())) for name, modes in figures.items()},
            figures=_json_block(figures),
            style=Markup(_style()),  # noqa: S704 - our own files
            boot=Markup(boot),  # noqa: S704
            plotly=packed,
            policy=_policy(_script_hash(boot), plotly_hash),
        )
    )


def _policy(*hashes: str) -> str:
    scripts = " ".join(f"'{script}'" for script in hashes)
    # Plotly styles its elements one by one, which only 'unsafe-inline' allows.
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json_block(figures: Mapping[str, Mapping[Mode, Any]]) -> Markup:
    plain = {
        name: {mode: json.loads(figure.to_json()) for mode, figure in modes.items()} for name, modes in figures.items()
    }
    # Inside a script element only "<" could end it; as an escape it stays the same JSON.
    return Markup(json.dumps(plain, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704


@cache
def _plotly() -> tuple[str, str]:
    script = get_plotlyjs().replace("\r\n", "\n")
    packed = gzip.compress(script.encode(), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode("ascii"), _script_hash(script)


def _script_hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


@cache
def _style() -> str:
    font = base64.b64encode((TEMPLATES / "fonts" / "inter-latin.woff2").read_bytes()).decode("ascii")
    return style_variables() + _file("report.css").replace("inter-latin.woff2", f"data:font/woff2;base64,{font}")


@cache
def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("count", "share", "money", "moment", "duration", "plain", "title", "short_hash")
    environment.filters.update({name: getattr(formats, name) for name in names})
    return environment
