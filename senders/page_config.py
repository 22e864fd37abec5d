"""What the public pages look like and what people may choose there, as frozen values.

``orchestration.public_pages`` reads the settings and builds these. Words are kept by language; the key '' holds for
every language that has none of its own. What stands on a page belongs to ``collector``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'
PAUSE_DAYS = (30, 60, 90)


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one scheme, as ``#rrggbb``.

    ``ink`` and ``soft`` are texts, ``line`` parts, ``edge`` is around what can be pressed, ``act`` and ``act_ink`` are
    the button and its text; links are ``act`` too.
    """

    ground: str
    card: str
    ink: str
    soft: str
    line: str
    edge: str
    act: str
    act_ink: str


LIGHT = Palette(
    ground="#f3f6f8",
    card="#ffffff",
    ink="#0f172a",
    soft="#526075",
    line="#e3e8ee",
    edge="#7c8a9e",
    act="#0f766e",
    act_ink="#ffffff",
)
DARK = Palette(
    ground="#0d1117",
    card="#151b24",
    ink="#e6edf3",
    soft="#9fadbe",
    line="#263040",
    edge="#718096",
    act="#2dd4bf",
    act_ink="#04201d",
)


@dataclass(frozen=True, slots=True)
class ThemeConfig:
    """How the pages look. ``logo`` is a picture of ``logo_type``, empty for the brand's name in letters.

    ``footer`` is the imprint, ``link`` the address that ``link_text`` leads to, ``radius`` that of corners in pixels.
    """

    brand: str = ""
    logo: bytes = field(default=b"", repr=False)
    logo_type: str = ""
    light: Palette = LIGHT
    dark: Palette = DARK
    radius: int = 12
    font: str = FONT
    footer: str = ""
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """One thing that people can have mail about, as they read of it."""

    name: str
    label: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PagesConfig:
    """The public pages of a project.

    ``language`` is that of people who ask for none that we speak; ``words_folder`` holds more languages as files.
    ``preference_days`` is how long the link in a mail opens the preference page.
    """

    theme: ThemeConfig = field(default_factory=ThemeConfig)
    topics: tuple[TopicConfig, ...] = ()
    language: str = "en"
    words_folder: Path | None = None
    preference_days: int = 30
    pause_days: tuple[int, ...] = PAUSE_DAYS
