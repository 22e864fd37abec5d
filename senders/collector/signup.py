"""The routes of a sign-up: the form, and the confirmation that a mail asks for.

A form may be posted from anywhere, by anybody, without a token against forgery (T5): all that a forged post brings
about is the same as typing the address in here, one mail that asks, within the quotas. Consent comes only from the
POST that carries the mail's secret; GET and HEAD change nothing, whoever follows the link (L9, T17). What is answered
says nothing about an address: the same words, and the same work, whether we know it, may write to it, or neither (T6).

Add here what belongs to signing up; words and looks belong to `signup_pages`, what is kept to ``ledger.signups``.
"""

import base64
import hashlib
import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property, partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from senders.collector import answers, signup_pages
from senders.collector.answers import Answers, Posted, UnreadableFormError, judge, read_form
from senders.collector.captcha import SERVICES, Captcha, Verdict, load_hook
from senders.collector.form_markup import FormView
from senders.collector.limits import mail_quotas
from senders.collector.look import Look
from senders.collector.routes import MAX_USER_AGENT, Collector, read_body
from senders.collector.stamps import Age, judge_stamp, make_stamp
from senders.collector.writes import Writes
from senders.forms import STAMPED, CaptchaConfig, FormConfig, said
from senders.ledger.jobs import Job
from senders.ledger.outbox import MailRequest
from senders.ledger.signups import Client, Signup, ask, confirm, subscribe
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from senders.web.client import WebClient

TEMPLATE = "confirm_signup"
MAX_FORM_BYTES = 32 * 1024
_TOKEN_BYTES = 32
_DIGEST_PERSON = b"mailrail-signup"
_AGAIN = 422


class SignupRoutes:
    """Signing up at the collector of one home folder."""

    def __init__(self, collector: Collector, writes: Writes) -> None:
        self._collector = collector
        self._config = collector.config.signups
        self._writes = writes
        self._captcha = Captcha(WebClient(collector.config.web))
        for form in self._config.forms.values():
            if form.captcha and ":" in form.captcha.hook:
                load_hook(form.captcha.hook)  # one that is not there is said at the start, not to the first person

    def routes(self) -> list[Route]:
        """Return the routes; a slash at the end is no redirect, which could lose a POST."""
        methods = ["GET", "HEAD", "POST"]
        return [
            Route(f"{path}{end}", endpoint, methods=methods)
            for path, endpoint in (("/s/{form}", self.form), ("/k/{token}", self.confirmation))
            for end in ("", "/")
        ]

    def close(self) -> None:
        """Wait for no judge."""
        self._captcha.close()

    async def form(self, request: Request) -> Response:
        """Show a form; take it on POST."""
        form = self._config.forms.get(request.path_params["form"])
        if form is None:
            raise HTTPException(404)
        if request.method != "POST":
            return self._shown(request, form, Posted())
        try:
            posted = read_form(
                await read_body(request, max_bytes=MAX_FORM_BYTES), request.headers.get("content-type", "")
            )
        except UnreadableFormError:
            return self._shown(request, form, Posted(), note="unreadable_text", status=_AGAIN)
        given = judge(form, posted)
        if given.problems:
            return self._shown(request, form, posted, problems=given.problems, status=_AGAIN)
        if posted.first(answers.WORDING) not in {"", form.wording_version}:
            # It was shown by an older snippet or page; what is kept as proof must be what was read.
            return self._shown(request, form, posted, note="changed_text", status=_AGAIN)
        if not self._is_stamped(request, form, posted):
            return self._shown(request, form, posted, note="again_text", status=_AGAIN)
        return await self._judged(request, form, posted, given)

    async def confirmation(self, request: Request) -> Response:
        """Ask on GET; sign up on POST, once, with the same answer as often as it comes."""
        digest, now = digest_of(request.path_params["token"]), self._collector.now()
        if request.method == "POST":
            signup = await self._writes.run(partial(confirm, digest=digest, now=now, client=client_of(request)))
        else:
            signup = await self._collector.lookups.ask(lambda ledger: ledger.signup(digest, now))
        look = self._collector.look(request, language=signup.language if signup else "")
        if signup is None:
            return self._collector.page(signup_pages.over_page(look, self._config.forms), 404)
        form = self._config.forms.get(signup.form)
        title = said(form.title, look.words.language) if form else signup.form
        if request.method != "POST":
            return self._collector.page(signup_pages.confirm_page(look, title))
        return self._collector.page(signup_pages.confirmed_page(look, title, _thanks(form, look)))

    async def _judged(self, request: Request, form: FormConfig, posted: Posted, given: Answers) -> Response:
        """Take a form that is filled in well, if its captcha says so."""
        look = self._collector.look(request, language=posted.first(answers.LANGUAGE))
        verdict = await self._verdict(request, form.captcha, posted.as_mapping())
        if verdict is Verdict.AWAY:
            return self._collector.page(signup_pages.away_page(look), 503, {"Retry-After": "120"})
        if verdict is Verdict.REFUSED:
            return self._shown(request, form, posted, note="refused_text", status=_AGAIN)
        signup = self._signup(request, form, given, look.words.language)
        await self._writes.run(self._job(request, form, signup))
        if form.double_opt_in:
            return self._collector.page(signup_pages.mailbox_page(look))
        title = said(form.title, look.words.language)
        return self._collector.page(signup_pages.confirmed_page(look, title, _thanks(form, look)))

    def _job(self, request: Request, form: FormConfig, signup: Signup) -> Job[bool]:
        """Return what must be durable before the answer."""
        client = client_of(request)
        quotas = mail_quotas(self._config.limits, signup.email, client.ip, self._address_key)
        if not form.double_opt_in:
            return partial(subscribe, signup=signup, quotas=quotas, client=client)
        token = new_token()
        mail = self._mail(form, signup, token)
        return partial(ask, signup=signup, digest=digest_of(token), mail=mail, quotas=quotas, client=client)

    async def _verdict(self, request: Request, captcha: CaptchaConfig | None, values: Mapping[str, str]) -> Verdict:
        if captcha is None or captcha.hook == STAMPED:
            return Verdict.PASSED
        return await self._captcha.judge(captcha, values, client_of(request).ip)

    def _is_stamped(self, request: Request, form: FormConfig, posted: Posted) -> bool:
        """Whether a form was open long enough, as far as it says when it was made.

        A form on somebody else's page cannot say it. Its site may be told in ``origins``; others must be sent once more
        from here where that list is given, or where the stamp is all that keeps programs out.
        """
        stamp = posted.first(answers.STAMP)
        if stamp:
            return judge_stamp(stamp, self._address_key, form.name, time.time()) is Age.GOOD
        if request.headers.get("origin", "") in form.origins:
            return True
        return not form.origins and not (form.captcha and form.captcha.hook == STAMPED)

    def _signup(self, request: Request, form: FormConfig, given: Answers, language: str) -> Signup:
        now = self._collector.now()
        return Signup(
            signup_id=uuid.uuid4().hex,
            form=form.name,
            email=given.email,
            address_hash=hash_address(given.email, self._address_key),
            topics=given.topics,
            fields=given.fields,
            language=language,
            wording=form.wording_version,
            wording_text=said(form.wording, language),
            ip=client_of(request).ip,
            asked_at=now,
            expires_at=now + timedelta(days=self._config.days),
        )

    def _mail(self, form: FormConfig, signup: Signup, token: str) -> MailRequest:
        """Return the confirmation mail: our words and those of the settings, nothing that was typed (T10)."""
        return MailRequest(
            request_id=signup.signup_id,
            template=TEMPLATE,
            email=signup.email,
            address_hash=signup.address_hash,
            fields={
                "form": said(form.title, signup.language),
                "confirm_url": f"{self._collector.config.base_url.rstrip('/')}/k/{token}",
                "days": self._config.days,
            },
            language=signup.language,
            expires_at=signup.expires_at,
        )

    def _shown(
        self,
        request: Request,
        form: FormConfig,
        posted: Posted,
        *,
        problems: Mapping[str, str] | None = None,
        note: str = "",
        status: int = 200,
    ) -> Response:
        """Show a form, with what was typed and a new stamp; one that was merely too young keeps its own."""
        stamp, now = posted.first(answers.STAMP), time.time()
        if judge_stamp(stamp, self._address_key, form.name, now) not in {Age.GOOD, Age.TOO_YOUNG}:
            stamp = make_stamp(self._address_key, form.name, now)
        look = self._collector.look(request, language=posted.first(answers.LANGUAGE))
        view = FormView(form, look, posted=posted, problems=problems or {}, stamp=stamp)
        policy = captcha_policy(form.captcha, look.theme.policy)
        return self._collector.page(
            signup_pages.form_page(view, note), status, {"Content-Security-Policy": policy} if policy else {}
        )

    @cached_property
    def _address_key(self) -> bytes:
        return Keyring.open(self._collector.config.home / "keys").address_key


def client_of(request: Request) -> Client:
    """Return what is stored of a client; behind a proxy of this machine the address is the one that it names."""
    return Client(
        ip=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", "")[:MAX_USER_AGENT],
        method=request.method,
    )


def captcha_policy(captcha: CaptchaConfig | None, policy: str) -> str:
    """Return the policy of a page with the box of a service on it; '' where there is none: then all pages' holds."""
    service = SERVICES.get(captcha.hook) if captcha and captcha.site_key else None
    if service is None:
        return ""
    sources = " ".join(service.sources)
    policy = policy.replace("style-src ", f"style-src {sources} ", 1)
    return f"{policy}; script-src {service.script_url} {sources}; frame-src {sources}; connect-src {sources}"


def new_token() -> str:
    """Return the secret of a confirmation mail: 256 bits."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).rstrip(b"=").decode("ascii")


def digest_of(token: str) -> bytes:
    """Return all that is kept of a token; of any text, so that a wrong one costs the same look into the table."""
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=32, person=_DIGEST_PERSON).digest()


def _thanks(form: FormConfig | None, look: Look) -> str:
    return said(form.thanks, look.words.language) if form else ""
