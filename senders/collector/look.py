"""What all public pages share: the theme, the reader's language, and the frame around what a page says.

A page is a function that gets a `Look` and returns HTML. Every word goes through `Look.say`, which escapes; so does
whatever else is not ours, by ``html.escape``. Add here what stands on every page; single pages belong to ``pages``.
"""

from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request

from senders.collector.theme import Theme, make_theme
from senders.collector.wording import Words, choose_language, read_words
from senders.config import CollectorConfig
from senders.forms import said
from senders.page_config import PagesConfig, TopicConfig

MAX_TOPIC = 120
MAX_TOPICS = 50
_ICON = (
    '<svg class="mark" viewBox="0 0 44 44" fill="none" stroke="currentColor" stroke-width="2.5" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg>'
)
ENVELOPE = _ICON.format('<rect x="5" y="10" width="34" height="25" rx="4"/><path d="m6.5 13 15.5 12 15.5-12"/>')
TICK = _ICON.format('<circle cx="22" cy="22" r="17"/><path d="m14.5 22.5 5.2 5.2 10-11"/>')
PAUSE = _ICON.format('<circle cx="22" cy="22" r="17"/><path d="M18 16v12M26 16v12"/>')


@dataclass(frozen=True, slots=True)
class Look:
    """How a page looks and in which language it speaks; ``root`` is the path under which the collector is seen."""

    theme: Theme
    words: Words
    pages: PagesConfig
    host: str
    root: str
    languages: tuple[Words, ...]

    @property
    def brand(self) -> str:
        """Whose pages these are, as plain text."""
        return self.theme.config.brand or self.host

    def say(self, key: str, **values: object) -> str:
        """Return words in the reader's language, ready to stand on a page."""
        return escape(self.words.say(key, **values))

    def topic(self, name: str) -> str:
        """Return what people call a topic, as plain text of a line or two."""
        found = self._topic(name)
        label = said(found.label, self.words.language) if found else ""
        return " ".join((label or name.replace("_", " ")).split())[:MAX_TOPIC]

    def description(self, name: str) -> str:
        """Return what a topic is about, as plain text; '' where nobody said."""
        found = self._topic(name)
        return said(found.description, self.words.language) if found else ""

    def page(self, title: str, body: str, *, is_wide: bool = False) -> str:
        """Return a whole page.

        Args:
            title: plain text, for the window.
            body: HTML, escaped where it is not ours.
            is_wide: for a page with a form of several parts.
        """
        wide = ' class="wide"' if is_wide else ""
        return (
            f'<!doctype html>\n<html lang="{escape(self.words.language)}" dir="{self.words.direction}">\n<head>\n'
            '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="robots" content="noindex, nofollow">\n'
            f"<title>{escape(title)} · {escape(self.brand)}</title>\n<style>{self.theme.style}</style>\n</head>\n"
            f"<body{wide}>\n{self._head()}\n<main>\n{body}\n</main>\n{self._foot()}\n"
            "</body>\n</html>\n"
        )

    def _topic(self, name: str) -> TopicConfig | None:
        return next((one for one in self.pages.topics if one.name == name), None)

    def _head(self) -> str:
        brand = escape(self.brand)
        if self.theme.logo_url:
            brand = f'<img src="{escape(self.root + self.theme.logo_url)}" alt="{brand}">'
        return f'<header class="brand">{brand}</header>'

    def _foot(self) -> str:
        config = self.theme.config
        lines = [f"<p>{escape(config.footer)}</p>"] if config.footer else []
        if config.link:
            text = escape(config.link_text or config.link)
            lines.append(f'<p><a href="{escape(config.link)}" rel="noreferrer">{text}</a></p>')
        if self.brand != self.host:
            lines.append(f"<p>{escape(self.host)}</p>")
        return f'<footer class="foot">{"".join(lines)}</footer>'


class Looks:
    """Makes the look for a request; words and theme are read once."""

    def __init__(self, config: CollectorConfig) -> None:
        place = urlsplit(config.base_url)
        self.theme = make_theme(config.pages.theme)
        self._pages = config.pages
        self._host, self._root = place.hostname or "", place.path.rstrip("/")
        self._words = read_words(config.pages.words_folder)

    def look(self, request: Request, *, language: str = "") -> Look:
        """Return the look for a reader: the language of the address (``?lang=``), theirs, the browser's, or ours.

        Args:
            request: whose query and Accept-Language are looked at.
            language: what the reader chose before, '' for nothing.
        """
        wanted = (request.query_params.get("lang", ""), language)
        accepted = request.headers.get("accept-language", "")
        chosen = choose_language(wanted, accepted, self._words, self._pages.language)
        return self.look_in(chosen)

    def look_in(self, language: str) -> Look:
        """Return the look in a language; in the project's own where there are no words for it."""
        words = self._words.get(language) or self._words[self._pages.language]
        return Look(self.theme, words, self._pages, self._host, self._root, tuple(self._words.values()))
