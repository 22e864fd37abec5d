"""Checks of the border to other machines: relays, names in DNS, the collector's address.

Add a check here when something outside must answer. Nothing is sent. A relay on this machine is greeted; of one
beyond it only the name and the port are tried, and names are looked up for such relays alone.
"""

import socket
import urllib.parse
from dataclasses import replace

from orchestration.doctor.finding import Case, Finding, fail, ok, plural, warn, within
from orchestration.settings import SenderSettings
from senders.collector.space import WORDS, Level, Space
from senders.config import RelayConfig
from senders.errors import MailboxDown
from senders.inbound.imap import ImapBox

_LOOPBACK_SECONDS = 0.5
_STATES = ("ok", "warn", "fail")
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where to knock for these


def check_relay(case: Case, name: str) -> Finding:
    """The relays of one sender profile, in their order: whether each answers, and how the line is secured."""
    profile = case.settings.profiles[name]
    signed = f"DKIM {profile.dkim.selector}" if profile.dkim else "no DKIM of ours"
    found = [_check_one(case, case.settings.relays[relay].build(relay), signed) for relay in profile.pool]
    worst = max(found, key=lambda one: _STATES.index(one.state))
    return replace(worst, found="; ".join(one.found for one in found))


def _check_one(case: Case, relay: RelayConfig, signed: str) -> Finding:
    if relay.transport != "smtp":
        return ok(f"{relay.name} · {relay.transport}, nobody is mailed · {signed}")
    login = "login" if relay.username else "no login"
    place = f"{relay.name} {relay.host}:{relay.port}"
    security = {"implicit": "TLS", "starttls": "STARTTLS required", "none": "no TLS"}[relay.tls]
    found = " · ".join((place, security, login, signed))
    try:
        offered = _greet(relay) if relay.is_loopback else within(case.seconds, lambda: _knock(relay, case.seconds))
    except OSError as error:  # a time-out is one as well
        words = f"{found} · {error.strerror or error}"
        if relay.is_loopback:
            return warn(f"{words}; nobody takes mail there", f"mailrail sink --port {relay.port}")
        return fail(words, f"nc -vz {relay.host} {relay.port}")
    if relay.is_loopback and relay.tls == "starttls" and "STARTTLS" not in offered:
        return fail(f"{found}, which it does not offer", f'set relays.{relay.name}.tls = "none", or mend the relay')
    return ok(f"{found} · {offered or 'answers'}")


def _greet(relay: RelayConfig) -> str:
    """Greet a relay on this machine and return what of interest it offers."""
    with socket.create_connection((relay.host, relay.port), timeout=_LOOPBACK_SECONDS) as line:
        if relay.tls == "implicit":
            return "listens"
        reader = line.makefile("rb")
        reader.readline(1000)
        line.sendall(b"EHLO doctor.mailrail.invalid\r\n")
        offers = []
        while (reply := reader.readline(1000)).startswith(b"250-"):
            offers.append(reply)
        offers.append(reply)
        line.sendall(b"QUIT\r\n")
    names = [offer[4:].split()[0].decode("ascii", "replace").upper() for offer in offers[1:] if offer[4:].split()]
    return "offers " + (", ".join(name for name in ("STARTTLS", "AUTH", "PIPELINING") if name in names) or "nothing")


def _knock(relay: RelayConfig, seconds: float) -> str:
    """Look up and connect to a relay beyond this machine, and say nothing to it."""
    with socket.create_connection((relay.host, relay.port), timeout=seconds):
        return "answers; TLS and login are tried by the first send"


def check_dns(case: Case) -> Finding:
    """Whether the names in the mail resolve; only where a relay could carry it to others."""
    profiles = _profiles_beyond(case)
    if not profiles:
        return ok("not looked up: every relay is on this machine")
    names = _names(case, profiles)
    missing = [f"{what} {name}" for name, what in names.items() if not _resolves(name, case.seconds / len(names))]
    domain = profiles[0].from_address.rpartition("@")[2]
    unread = f"SPF, DKIM and DMARC are not read: dig +short TXT {domain} _dmarc.{domain}"
    if missing:
        return warn(f"no answer for {', '.join(missing)} · {unread}", f"dig {missing[0].rpartition(' ')[2]}")
    return ok(f"{', '.join(names)} resolve · {unread}")


def _names(case: Case, profiles: list[SenderSettings]) -> dict[str, str]:
    names = {urllib.parse.urlsplit(case.settings.collector.base_url).hostname or "": "collector"}
    for profile in profiles:
        names.setdefault(profile.from_address.rpartition("@")[2], "From domain")
        names.setdefault(profile.bounce_domain, "bounce domain")
    return {name: what for name, what in names.items() if name}


def _profiles_beyond(case: Case) -> list[SenderSettings]:
    relays = case.settings.relays
    return [
        profile
        for profile in case.settings.senders.values()
        if any(name in relays and not relays[name].build(name).is_loopback for name in profile.relays)
    ]


def _resolves(name: str, seconds: float) -> bool:
    try:
        return bool(within(seconds, lambda: socket.getaddrinfo(name, None)))
    except OSError:
        return False


def check_mailbox(case: Case) -> Finding:
    """Where bounces and complaints are fetched from: whether the server lets us in and has the folder."""
    config = case.settings.mailbox_config()
    if config.imap is None:
        return ok(f"Maildir {config.maildir}; no IMAP")
    imap = replace(config.imap, timeout_seconds=case.seconds)
    place = f"{imap.host}:{imap.port}"
    try:
        with ImapBox(imap) as box:
            return ok(f"{place} · {imap.folder} · {plural(box.total, 'mail')}")
    except MailboxDown as error:
        return fail(str(error), "mend [mailbox] and its password, then: mailrail mailbox --once")


def check_collector(case: Case) -> Finding:
    """The collector: the address in the mail, and whether anybody answers behind it."""
    collector = case.settings.collector
    url = urllib.parse.urlsplit(collector.base_url)
    if case.is_production and url.scheme != "https":
        return fail(f"{collector.base_url} is not https, and one-click unsubscribe needs it", "set collector.base_url")
    host = _ANY.get(collector.host, collector.host)
    listening = f"{collector.host}:{collector.port}"
    place = collector.base_url if listening == url.netloc else f"{collector.base_url} behind {listening}"
    try:
        with socket.create_connection((host, collector.port), timeout=_LOOPBACK_SECONDS):
            return _with_room(case, f"{place} · listens")
    except OSError:
        if not case.has_sends():
            return ok(f"{place} · not running; needed when mail is out")
    found = f"{place} · not running: clicks and unsubscribes get no answer"
    return fail(found, "mailrail collector") if case.is_production else warn(found, "mailrail collector")


def _with_room(case: Case, found: str) -> Finding:
    """Say whether the collector has room for every event."""
    level = Space.of(case.settings.collector_config()).judge()
    if level is Level.ALL:
        return ok(found)
    remedy = "free some room on the disk, or raise collector.event_quota_mb"
    return warn(f"{found} · {WORDS[level]}, for want of room", remedy)


def check_tracking(case: Case) -> Finding:
    """Whether links in the mail point to the domain that it comes from: filters and readers compare them."""
    host = urllib.parse.urlsplit(case.settings.collector.base_url).hostname or ""
    profiles = _profiles_beyond(case)
    if not profiles:
        return ok(f"{host}; not compared: every relay is on this machine")
    strange = [name for profile in profiles if not _related(host, name := profile.from_address.rpartition("@")[2])]
    if strange:
        remedy = f"set collector.base_url to https://click.{strange[0]}"
        return warn(f"links point to {host}, and mail comes from {', '.join(strange)}", remedy)
    return ok(f"{host} belongs to the From domain")


def _related(host: str, domain: str) -> bool:
    """Whether two names share their last two labels; good enough to ask a person to look."""
    return host.lower().split(".")[-2:] == domain.lower().split(".")[-2:]
