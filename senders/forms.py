"""What a sign-up form asks, and how much it may ask of us, as frozen values.

``orchestration.forms`` reads the settings and builds these. Words are kept by language; the key '' holds for every
language that has none of its own. What is done with an answer belongs to ``collector``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

STAMPED = "stamped"  # the captcha that asks nobody else
CAPTCHA_SERVICES = ("hcaptcha", "turnstile", "recaptcha")
MAX_EMAIL = 320  # RFC 3696 erratum 1690; longer text is no address, and is not looked at


class FieldKind(StrEnum):
    """What may be typed into a field."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True)
class FieldConfig:
    """One thing that a form asks besides the address.

    ``most`` is the most characters of a text, or the highest number. ``choices`` are the values of a choice, each with
    what people read.
    """

    name: str
    label: Mapping[str, str]
    kind: FieldKind = FieldKind.TEXT
    most: int = 200
    is_required: bool = False
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaptchaConfig:
    """How a form tells people from programs, besides its trap and the limits.

    ``hook`` is ``stamped`` (our own page must have been open for two seconds), ``hcaptcha``, ``turnstile``,
    ``recaptcha``, or a function ``module:function`` called as ``f(values, address)`` that returns whether to go on.
    """

    hook: str
    site_key: str = ""
    secret: str = field(default="", repr=False)
    timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class FormConfig:
    """One sign-up form, ``[forms.<name>]``.

    With ``asks_topics`` people choose among the ``topics``, else they get all; none is mail about everything.
    ``wording`` is what people agree to, in the version ``wording_version``. Without ``double_opt_in`` a sign-up counts
    at once. ``origins`` are the sites that show the form.
    """

    name: str
    title: Mapping[str, str]
    wording: Mapping[str, str]
    wording_version: str
    topics: tuple[str, ...] = ()
    asks_topics: bool = False
    fields: tuple[FieldConfig, ...] = ()
    thanks: Mapping[str, str] = field(default_factory=dict)
    double_opt_in: bool = True
    captcha: CaptchaConfig | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignupLimits:
    """The most mails that strangers can make us send: to one mailbox, and in a minute.

    ``per_minute`` counts all of them, ``per_domain`` those to one domain, ``per_network`` those that one client network
    (/24, /64) asked for.
    """

    pause_minutes: int = 15
    per_day: int = 3
    per_minute: int = 300
    per_domain: int = 60
    per_network: int = 20


@dataclass(frozen=True, slots=True)
class SignupConfig:
    """All forms by name, and their limits; ``days`` is how long a confirmation mail can be answered."""

    forms: Mapping[str, FormConfig] = field(default_factory=dict)
    limits: SignupLimits = field(default_factory=SignupLimits)
    days: int = 7


def said(words: Mapping[str, str], language: str) -> str:
    """Return words in a language, else those that hold for every language, else the first."""
    for key in (language, ""):
        if key in words:
            return words[key]
    return next(iter(words.values()), "")
