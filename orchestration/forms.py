"""The settings of sign-up forms, ``[forms.<name>]``, and of how much mail strangers can make us send, ``[signups]``.

``settings`` puts them into its tree; add a setting of sign-ups here, with a description. What they do stands in
``senders.collector``.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from senders.errors import ConfigError
from senders.forms import (
    CAPTCHA_SERVICES,
    STAMPED,
    CaptchaConfig,
    FieldConfig,
    FieldKind,
    FormConfig,
    SignupConfig,
    SignupLimits,
)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TOPIC = re.compile(r"[a-z][a-z0-9_-]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?")
_Any = TypeVar("_Any")
_HOOK = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class FieldWords(BaseModel, extra="forbid"):
    """A field in one language, ``[forms.<name>.fields.<field>.languages.<language>]``."""

    label: str = Field(description="What people read beside it.", max_length=120)
    choices: dict[str, str] = Field(default_factory=dict, description="What people read for each value of a choice.")


class FormWords(BaseModel, extra="forbid"):
    """A form in one language, ``[forms.<name>.languages.<language>]``."""

    title: str = Field(description="What the form is called.", max_length=120)
    consent: str = Field(description="What people agree to.", max_length=2000)
    thanks: str = Field("", description="What people read when they are signed up.", max_length=1000)


class FormFieldSettings(BaseModel, extra="forbid"):
    """One thing a form asks besides the address, ``[forms.<name>.fields.<field>]``."""

    label: str = Field(description="What people read beside it, where no language has its own.", max_length=120)
    type: Literal["text", "number", "date", "choice", "yes_no"] = Field("text", description="What may be typed in.")
    max: int = Field(100, description="Most characters of a text, or the highest number.", ge=1, le=1_000_000)
    required: bool = Field(False, description="Whether a form without it is asked for again.")
    choices: dict[str, str] = Field(default_factory=dict, description="Values of a choice, with what people read.")
    languages: dict[str, FieldWords] = Field(default_factory=dict, description="Both in other languages, by code.")

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, value: dict[str, FieldWords]) -> dict[str, FieldWords]:
        return _check_codes(value)

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError('choices go with type = "choice", and such a field needs them')
        if self.type == "text" and self.max > 1000:
            raise ValueError(f"max: {self.max} characters are no line of text; give at most 1000")
        return self

    def build(self, name: str) -> FieldConfig:
        """Return the field as the collector wants it."""
        label = {"": self.label} | {language: words.label for language, words in self.languages.items()}
        choices = {
            choice: {"": title} | {code: words.choices.get(choice, title) for code, words in self.languages.items()}
            for choice, title in self.choices.items()
        }
        return FieldConfig(name, label, FieldKind(self.type), self.max, self.required, choices)


class FormSettings(BaseModel, extra="forbid"):
    """One sign-up form, ``[forms.<name>]``: a page at ``/s/<name>``, and a snippet for pages of others."""

    title: str = Field(description="What the form is called, in its confirmation mail too.", max_length=120)
    topics: tuple[str, ...] = Field((), description="Topics that people sign up to; none is mail about everything.")
    ask_topics: bool = Field(False, description="Whether people choose among the topics; else they get all of them.")
    consent: str = Field(
        description="What people agree to by sending the form; kept with each sign-up as proof.", max_length=2000
    )
    consent_version: str = Field(description="Version of that wording, such as 2026-11; change it with the wording.")
    thanks: str = Field("", description="What people read when they are signed up; empty: our words.", max_length=1000)
    double_opt_in: bool = Field(True, description="Whether a sign-up counts only when its mail was answered.")
    single_opt_in_reason: str = Field("", description="Why double_opt_in may be false here; needed then.")
    captcha: str = Field(
        "",
        description="stamped (our page was open 2 s), hcaptcha, turnstile, recaptcha, module:function; empty: none.",
    )
    captcha_site_key: str = Field("", description="Public key of such a service.")
    captcha_secret: SecretStr = Field(
        SecretStr(""), description="Its secret; by the environment, or captcha_secret_file."
    )
    captcha_secret_file: Path | None = Field(None, description="File that holds the secret.")
    captcha_timeout_seconds: float = Field(5, description="How long its answer is waited for.", gt=0, le=30)
    origins: tuple[str, ...] = Field(
        (), description="Sites that show the form, https://…; forms of others must be sent once more from our page."
    )
    fields: dict[str, FormFieldSettings] = Field(default_factory=dict, description="What it asks besides the address.")
    languages: dict[str, FormWords] = Field(
        default_factory=dict, description="Title, consent and thanks in other languages, by code."
    )

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, value: dict[str, FormWords]) -> dict[str, FormWords]:
        return _check_codes(value)

    @field_validator("topics")
    @classmethod
    def _check_topics(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(f"{topic!r} is no topic; use small letters, digits, - and _, as campaigns do")
        return topics

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            place = urlsplit(origin)
            if place.scheme not in {"https", "http"} or f"{place.scheme}://{place.netloc}" != origin.lower():
                raise ValueError(f"{origin!r} is no origin; write https://host, with no path and no slash at its end")
        return tuple(map(str.lower, origins))

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, fields: dict[str, FormFieldSettings]) -> dict[str, FormFieldSettings]:
        for name in fields:
            if not _FIELD_NAME.fullmatch(name) or name in {"email", "topic"}:
                raise ValueError(f"{name!r} cannot name a field; use small letters, digits and _, and not email")
        return fields

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if not self.double_opt_in and not self.single_opt_in_reason.strip():
            raise ValueError(
                "double_opt_in = false lets anybody sign anybody up; give single_opt_in_reason, or leave it true"
            )
        if self.ask_topics and len(self.topics) < 2:
            raise ValueError("ask_topics needs two topics or more to choose among")
        if self.captcha and self.captcha not in {STAMPED, *CAPTCHA_SERVICES} and not _HOOK.fullmatch(self.captcha):
            known = ", ".join((STAMPED, *CAPTCHA_SERVICES))
            raise ValueError(f"captcha: {self.captcha!r} is none of {known}, and no module:function")
        return self

    def build(self, name: str, read_secret: Callable[[Path, str], bytes]) -> FormConfig:
        """Return the form as the collector wants it.

        Raises:
            ConfigError: its name is none, or a service lacks its keys.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(f"forms.{name}: it stands in an address of the web; use small letters, digits, - and _.")
        return FormConfig(
            name=name,
            title=self._by_language("title"),
            wording=self._by_language("consent"),
            wording_version=self.consent_version,
            topics=self.topics,
            asks_topics=self.ask_topics,
            fields=tuple(field.build(key) for key, field in self.fields.items()),
            thanks=self._by_language("thanks"),
            double_opt_in=self.double_opt_in,
            captcha=self._captcha(name, read_secret),
            origins=self.origins,
        )

    def _by_language(self, name: str) -> dict[str, str]:
        words = {"": getattr(self, name)} | {code: getattr(one, name) for code, one in self.languages.items()}
        return {code: text for code, text in words.items() if text}

    def _captcha(self, name: str, read_secret: Callable[[Path, str], bytes]) -> CaptchaConfig | None:
        if not self.captcha:
            return None
        secret = self.captcha_secret.get_secret_value()
        if self.captcha_secret_file is not None:
            secret = read_secret(self.captcha_secret_file, f"forms.{name}.captcha_secret_file").decode().strip()
        if self.captcha in CAPTCHA_SERVICES and not (secret and self.captcha_site_key):
            raise ConfigError(
                f"forms.{name}: captcha = {self.captcha!r} needs captcha_site_key and captcha_secret_file; the service "
                "gives both."
            )
        return CaptchaConfig(self.captcha, self.captcha_site_key, secret, self.captcha_timeout_seconds)


class SignupSettings(BaseModel, extra="forbid"):
    """How much mail strangers can make us send by forms, ``[signups]``."""

    pause_minutes: int = Field(15, description="Minutes between two mails to one mailbox, however it is spelt.", ge=1)
    per_day: int = Field(3, description="Most mails to one mailbox in any 24 hours.", ge=1, le=20)
    per_minute: int = Field(300, description="Most mails in a minute, to all together.", ge=1)
    per_domain: int = Field(60, description="Most mails in a minute to addresses of one domain.", ge=1)
    per_network: int = Field(20, description="Most mails in a minute that one client network asks for.", ge=1)
    days: int = Field(7, description="Days in which a sign-up can be confirmed.", ge=1, le=30)

    def build(self, forms: Mapping[str, FormConfig]) -> SignupConfig:
        """Return forms and limits as the collector wants them."""
        limits = SignupLimits(self.pause_minutes, self.per_day, self.per_minute, self.per_domain, self.per_network)
        return SignupConfig(forms, limits, self.days)


def _check_codes(by_language: dict[str, _Any]) -> dict[str, _Any]:
    for code in by_language:
        if not _LANGUAGE.fullmatch(code):
            raise ValueError(f"{code!r} is no language; write a code as in de or pt-br")
    return by_language
