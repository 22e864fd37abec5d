"""A mail's HTML made ready for a frame on a page of ours: light or dark on purpose, and asking nobody for anything.

The mail itself stays as it is sent; only what would load or lead somewhere is changed. Add here what a browser would do
with a mail and a page must not. How the page looks belongs to those who write it.
"""

import html
import re
from typing import Literal

from senders.rendering.placeholders import USUAL_WIDTH, placeholder, usual_height

Scheme = Literal["light", "dark"]

_TAG = re.compile(r"<[a-zA-Z](?:\"[^\"]*\"|'[^']*'|[^'\">])*>")
_FEATURE = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
_ALWAYS, _NEVER = "(min-width:0px)", "(max-width:0px)"
_SCHEME_META = re.compile(r"<meta\b[^>]*name=\"(?:supported-)?color-schemes?\"[^>]*>")
_ADDRESS = re.compile(r"url\((?!\s*(?:&quot;|&#39;|[\"'])?\s*data:)[^)]*\)", re.IGNORECASE)
_LOADING = re.compile(r"\s(?:srcset|background|poster|ping)\s*=\s*(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_SOURCE = re.compile(r"(\ssrc\s*=\s*)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_ALT = re.compile(r"\salt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_WIDTH = re.compile(r"\swidth\s*=\s*[\"']?(\d{1,4})", re.IGNORECASE)
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL | re.IGNORECASE)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def frame_html(mail: str, scheme: Scheme) -> str:
    """Return a mail's HTML for the ``srcdoc`` of a sandboxed frame.

    Args:
        mail: the HTML as it is sent, best without its pixel.
        scheme: ``dark`` makes the mail's own dark styles hold everywhere, ``light`` nowhere.
    """
    text = _TAG.sub(lambda match: _quiet(match[0]), _SCHEME_META.sub("", mail))
    text = _STYLE.sub(lambda match: match[1] + _style(match[2], scheme) + match[3], text)
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<base target="_blank"><meta name="color-scheme" content="{scheme}">'
    )
    tail = f"<style>:root{{color-scheme:{scheme}!important}}</style>"
    text = re.sub(r"<head\b[^>]*>", lambda match: match[0] + head, text, count=1)
    return text.replace("</head>", f"{tail}</head>", 1)


def loads_pictures(mail: str) -> bool:
    """Whether a mail shows pictures from somewhere else, which a frame replaces by placeholders."""
    return any(tag[:4].lower() == "<img" for tag in _TAG.findall(mail)) or bool(_ADDRESS.search(mail))


def _style(css: str, scheme: Scheme) -> str:
    css = _FEATURE.sub(lambda match: _ALWAYS if match[1] == scheme else _NEVER, css)
    return _ADDRESS.sub("none", css)


def _quiet(tag: str) -> str:
    """Return a tag that loads nothing."""
    tag = _ADDRESS.sub("none", _LOADING.sub("", tag))
    if tag[:4].lower() != "<img":
        return tag
    source = _SOURCE.search(tag)
    if source is None or source[2][1:].lower().startswith("data:"):
        return tag
    return f'{tag[: source.start(2)]}"{_placeholder(tag)}"{tag[source.end(2) :]}'


def _placeholder(tag: str) -> str:
    """Return a neutral picture of the same width that names what it stands for."""
    found, wide = _ALT.search(tag), _WIDTH.search(tag)
    words = html.unescape((found[1] or found[2] or "") if found else "")
    width = int(wide[1]) if wide else USUAL_WIDTH
    return placeholder(width, usual_height(width), words)
