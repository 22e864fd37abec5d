import asyncio
import json
from urllib.parse import parse_qs

import pytest

from senders.collector.captcha import SERVICES, Captcha, Verdict
from senders.collector.signup import captcha_policy
from senders.errors import WebError
from senders.forms import CAPTCHA_SERVICES, CaptchaConfig
from senders.web.client import Answer


class Service:
    """A service on paper: what it is asked, and what it answers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def post(self, url, headers, body):
        self.asked.append((url, headers["content-type"], parse_qs(body.decode())))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer == "slow":
            await asyncio.sleep(5)
        status, content = answer
        return Answer(status, {}, content if isinstance(content, bytes) else json.dumps(content).encode())


def judge(service, values, hook="turnstile", timeout_seconds=0.5):
    captcha = Captcha(service)
    try:
        return asyncio.run(captcha.judge(CaptchaConfig(hook, "site", "hush", timeout_seconds), values, "192.0.2.1"))
    finally:
        captcha.close()


@pytest.mark.parametrize("name", CAPTCHA_SERVICES)
def test_each_service_is_asked_in_its_own_way(name):
    service = Service((200, {"success": True}))
    assert judge(service, {SERVICES[name].field: "token"}, name) is Verdict.PASSED
    assert service.asked == [
        (
            SERVICES[name].check_url,
            "application/x-www-form-urlencoded",
            {"secret": ["hush"], "response": ["token"], "remoteip": ["192.0.2.1"]},
        )
    ]


def test_a_form_without_an_answer_is_refused_and_nobody_asked():
    service = Service()
    assert judge(service, {}) is Verdict.REFUSED
    assert service.asked == []


@pytest.mark.parametrize("content", [{"success": False}, {"success": "true"}, {}, {"success": 1}])
def test_only_a_plain_yes_counts(content):
    assert judge(Service((200, content)), {"cf-turnstile-response": "token"}) is Verdict.REFUSED


@pytest.mark.parametrize(
    "answer", [WebError("nobody there"), (500, {"success": True}), (200, b"<html>"), (200, []), "slow"]
)
def test_a_service_that_is_away_lets_nobody_in(answer):
    assert judge(Service(answer), {"cf-turnstile-response": "token"}) is Verdict.AWAY


def test_a_page_allows_its_service_and_nothing_else():
    policy = captcha_policy(CaptchaConfig("turnstile", "site"), "default-src 'none'; style-src 'sha256-x'")
    assert policy.startswith("default-src 'none'; style-src https://challenges.cloudflare.com 'sha256-x'; script-src ")
    assert policy.count("style-src") == 1
    assert "unsafe" not in policy
    assert captcha_policy(None, "default-src 'none'") == ""
    assert captcha_policy(CaptchaConfig("stamped"), "default-src 'none'") == ""
