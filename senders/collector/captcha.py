"""Whether a form was filled in by a person, as somebody else judges it: a function of the project's, or a service.

Fails closed: where the judge is away, is slow or breaks, nobody is signed up, and the page says so. Add a service to
`SERVICES` when its check is the common one (a POST of secret and response that is answered with ``success``). The
judgement without anybody else is in ``stamps``.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Protocol
from urllib.parse import urlencode

from senders.errors import ConfigError, WebError
from senders.forms import CaptchaConfig
from senders.web.client import Answer

_THREADS = 8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A service: where its answer is checked, the field that brings it, and what its box needs on our page."""

    check_url: str
    field: str
    css_class: str
    script_url: str
    sources: tuple[str, ...]


SERVICES = {
    "hcaptcha": Service(
        "https://api.hcaptcha.com/siteverify",
        "h-captcha-response",
        "h-captcha",
        "https://js.hcaptcha.com/1/api.js",
        ("https://hcaptcha.com", "https://*.hcaptcha.com"),
    ),
    "turnstile": Service(
        "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        "cf-turnstile-response",
        "cf-turnstile",
        "https://challenges.cloudflare.com/turnstile/v0/api.js",
        ("https://challenges.cloudflare.com",),
    ),
    "recaptcha": Service(
        "https://www.google.com/recaptcha/api/siteverify",
        "g-recaptcha-response",
        "g-recaptcha",
        "https://www.google.com/recaptcha/api.js",
        ("https://www.google.com/recaptcha/", "https://www.gstatic.com/recaptcha/"),
    ),
}
Hook = Callable[[Mapping[str, str], str], bool]


class Verdict(StrEnum):
    """What was said about a filled-in form."""

    PASSED = "passed"
    REFUSED = "refused"
    AWAY = "away"


class Poster(Protocol):
    """Posts over HTTP, guarded."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post to an address."""
        ...


class Captcha:
    """Asks the judge that a form names."""

    def __init__(self, client: Poster) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="captcha")

    async def judge(self, config: CaptchaConfig, values: Mapping[str, str], address: str) -> Verdict:
        """Return what the judge says of a form's values, sent from a client's address."""
        try:
            async with asyncio.timeout(config.timeout_seconds):
                service = SERVICES.get(config.hook)
                passed = await (
                    self._ask_service(service, config.secret, values, address)
                    if service
                    else self._ask_function(config.hook, values, address)
                )
        except Exception as error:  # whatever a project's function raises; its words may hold what was typed
            logger.warning("captcha: %s cannot judge a form (%s)", config.hook, type(error).__name__)
            return Verdict.AWAY
        return Verdict.PASSED if passed else Verdict.REFUSED

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask_service(self, service: Service, secret: str, values: Mapping[str, str], address: str) -> bool:
        response = values.get(service.field, "")
        if not response:
            return False
        body = urlencode({"secret": secret, "response": response, "remoteip": address}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self._client.post(service.check_url, headers, body)
        if not answer.is_good:
            raise WebError(f"{service.check_url} answered {answer.status}")
        return bool(json.loads(answer.body).get("success") is True)

    async def _ask_function(self, hook: str, values: Mapping[str, str], address: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _call, hook, dict(values), address)


def _call(hook: str, values: Mapping[str, str], address: str) -> bool:
    return load_hook(hook)(values, address) is True


def load_hook(hook: str) -> Hook:
    """Return the function of a hook.

    Raises:
        ConfigError: there is no such function.
    """
    module, _, name = hook.partition(":")
    try:
        found: Hook = getattr(import_module(module), name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"captcha: {hook!r} is no function that is here ({error}); write module:function.") from None
    return found
