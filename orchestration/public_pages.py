"""The settings of the public pages: how they look, in which languages they speak, and what people may choose there.

``settings`` puts them into its tree; add a setting of the pages here, with a description. What stands on them belongs
to ``senders.collector``.
"""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

from senders.collector.contrast import faults
from senders.collector.wording import read_words
from senders.errors import ConfigError
from senders.page_config import DARK, FONT, LIGHT, PAUSE_DAYS, PagesConfig, Palette, ThemeConfig, TopicConfig

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
MAX_LOGO_BYTES = 200_000
# What a browser shows and what cannot hold a script; told by its first bytes and not by its name (RELIABILITY T12).
_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
_FONT = re.compile(r"[A-Za-z0-9 ,\"'_-]+")
_TOPIC = re.compile(r"[a-z][a-z0-9_-]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?")


class LightSettings(BaseModel, extra="forbid"):
    """The colours where a reader's screen is light, ``[pages.light]``."""

    ground: Colour = Field(LIGHT.ground, description="Behind everything.")
    card: Colour = Field(LIGHT.card, description="Behind the text.")
    ink: Colour = Field(LIGHT.ink, description="Text.")
    soft: Colour = Field(LIGHT.soft, description="Text of less weight.")
    line: Colour = Field(LIGHT.line, description="Lines between parts.")
    edge: Colour = Field(LIGHT.edge, description="Around what can be pressed.")
    act: Colour = Field(LIGHT.act, description="Buttons and links.")
    act_ink: Colour = Field(LIGHT.act_ink, description="Text on buttons.")

    def build(self, place: str) -> Palette:
        """Return the colours.

        Raises:
            ConfigError: two of them are too close to be read (WCAG 2.2 AA).
        """
        palette = Palette(**self.model_dump())
        if found := faults(palette):
            raise ConfigError(f"{place}: {'; '.join(found)} (WCAG 2.2 AA); move the two colours apart.")
        return palette


class DarkSettings(LightSettings):
    """The colours where a reader's screen is dark, ``[pages.dark]``."""

    ground: Colour = Field(DARK.ground, description="Behind everything.")
    card: Colour = Field(DARK.card, description="Behind the text.")
    ink: Colour = Field(DARK.ink, description="Text.")
    soft: Colour = Field(DARK.soft, description="Text of less weight.")
    line: Colour = Field(DARK.line, description="Lines between parts.")
    edge: Colour = Field(DARK.edge, description="Around what can be pressed.")
    act: Colour = Field(DARK.act, description="Buttons and links.")
    act_ink: Colour = Field(DARK.act_ink, description="Text on buttons.")


class TopicWords(BaseModel, extra="forbid"):
    """A topic in one language, ``[topics.<name>.languages.<language>]``."""

    label: str = Field(description="What people call it.", max_length=120)
    description: str = Field("", description="What it is about, in a sentence.", max_length=300)


class TopicSettings(BaseModel, extra="forbid"):
    """What people can have mail about, ``[topics.<name>]``."""

    label: str = Field(description="What people call it, where no other language has its own words.", max_length=120)
    description: str = Field("", description="What it is about, in a sentence.", max_length=300)
    languages: dict[str, TopicWords] = Field(
        default_factory=dict, description="Both in other languages, by their code."
    )

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, value: dict[str, TopicWords]) -> dict[str, TopicWords]:
        for language in value:
            _check_language(language)
        return value

    def build(self, name: str) -> TopicConfig:
        """Return the topic as the pages want it."""
        labels = {"": self.label} | {language: words.label for language, words in self.languages.items()}
        about = {"": self.description} | {language: words.description for language, words in self.languages.items()}
        return TopicConfig(name, labels, about)


class PagesSettings(BaseModel, extra="forbid"):
    """The public pages, ``[pages]``."""

    brand: str = Field("", description="Whose pages these are; empty for the host name.", max_length=80)
    logo: Path | None = Field(None, description="PNG, JPEG or WebP file at the head instead of the brand's name.")
    language: str = Field("en", description="Language of people whose browser asks for none that there is.")
    radius: int = Field(12, description="Radius of the corners in pixels.", ge=0, le=32)
    font: str = Field(FONT, description="Fonts of the reader's device, the first that is there.", max_length=300)
    footer: str = Field("", description="Imprint below the page.", max_length=1000)
    link: str = Field("", description="Web address below the page, of the full imprint or your privacy notice.")
    link_text: str = Field("", description="What the link says.", max_length=120)
    preference_days: int = Field(30, description="Days in which a mail's link opens the preference page.", ge=1, le=400)
    pause_days: tuple[Annotated[int, Field(ge=1, le=365)], ...] = Field(
        PAUSE_DAYS, description="How many days people can pause for.", min_length=1, max_length=6
    )
    light: LightSettings = Field(LightSettings(), description="Colours on a light screen.")
    dark: DarkSettings = Field(DarkSettings(), description="Colours on a dark screen.")

    @field_validator("language")
    @classmethod
    def _check(cls, value: str) -> str:
        return _check_language(value)

    @field_validator("font")
    @classmethod
    def _check_font(cls, value: str) -> str:
        if not _FONT.fullmatch(value) or value.count('"') % 2 or value.count("'") % 2:
            raise ValueError("name fonts with commas between them, those of several words in quotes")
        return value

    @field_validator("link")
    @classmethod
    def _check_link(cls, value: str) -> str:
        if value and not (value.startswith(("https://", "http://")) and urlsplit(value).hostname):
            raise ValueError("it is no web address; begin with https://")
        return value

    @model_validator(mode="after")
    def _check_link_text(self) -> Self:
        if self.link_text and not self.link:
            raise ValueError("link_text says something and link leads nowhere; set both or neither")
        return self

    def build(self, topics: dict[str, TopicSettings], words_folder: Path) -> PagesConfig:
        """Return what the pages must know.

        Raises:
            ConfigError: the logo is no picture, a colour cannot be read on another, a topic has no good name, or a file
                of words is wrong.
        """
        if self.language not in (known := read_words(words_folder)):
            raise ConfigError(
                f"pages.language: there are no words in {self.language!r}, only in {', '.join(known)}; take one of "
                f"them, or write {words_folder / self.language}.toml."
            )
        logo, logo_type = self._logo()
        theme = ThemeConfig(
            brand=self.brand,
            logo=logo,
            logo_type=logo_type,
            light=self.light.build("pages.light"),
            dark=self.dark.build("pages.dark"),
            radius=self.radius,
            font=self.font,
            footer=self.footer,
            link=self.link,
            link_text=self.link_text,
        )
        return PagesConfig(
            theme=theme,
            topics=tuple(topic.build(_check_topic(name)) for name, topic in topics.items()),
            language=self.language,
            words_folder=words_folder,
            preference_days=self.preference_days,
            pause_days=tuple(sorted(set(self.pause_days))),
        )

    def _logo(self) -> tuple[bytes, str]:
        if self.logo is None:
            return b"", ""
        try:
            data = self.logo.read_bytes()
        except OSError as error:
            raise ConfigError(f"pages.logo: cannot read {self.logo} ({error.strerror}); check the path.") from None
        kind = next((name for pattern, name in _PICTURES if pattern.match(data)), None)
        if kind is None:
            raise ConfigError(
                f"pages.logo: {self.logo} is no PNG, JPEG or WebP; save it as PNG, since an SVG may hold scripts."
            )
        if len(data) > MAX_LOGO_BYTES:
            raise ConfigError(
                f"pages.logo: {self.logo} has {len(data):,} bytes, and {MAX_LOGO_BYTES:,} is the most; make it smaller."
            )
        return data, kind


def _check_language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError(f"{value!r} is no language; write a code as in de or pt-br")
    return value


def _check_topic(name: str) -> str:
    if not _TOPIC.fullmatch(name):
        raise ConfigError(f"topics.{name}: use small letters, digits, - and _, as campaigns name their topics.")
    return name
