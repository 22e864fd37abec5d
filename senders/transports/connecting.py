"""How a connection to a relay is made: greeting, EHLO, TLS and login by aiosmtplib, then handed to our wire.

Each step is asked for by name, so that nothing happens by a library's default: no login before TLS except on loopback,
no CRAM-MD5, one try of one mechanism. Add here what belongs before the first MAIL. After the hand-over nothing of
aiosmtplib is used any more.
"""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from senders.config import RelayConfig
from senders.errors import PermanentError, TransientError
from senders.transports.base import printable
from senders.transports.tls import tls_context
from senders.transports.wire import Wire

# In order of preference. Both send the password itself, so both need TLS; CRAM-MD5 would make the relay keep it
# readable and is broken besides (RFC 8314 4.1, draft-ietf-sasl-crammd5-to-historic).
AUTH_MECHANISMS = ("plain", "login")


@dataclass(frozen=True, slots=True)
class Features:
    """What the relay offered in its last EHLO (it may offer something else before TLS).

    ``size`` is the most bytes of a message (RFC 1870), 0 where the relay names no limit.
    """

    pipelining: bool
    smtputf8: bool
    size: int = 0


async def connect(relay: RelayConfig, helo: str) -> tuple[Wire, Features]:
    """Connect, encrypt and log in as the relay's settings say.

    Raises:
        TransientError: not now; the reply's code where there was one.
        PermanentError: not at all: login, certificate or TLS refused, or not offered.
    """
    if relay.tls == "none" and not relay.is_loopback:
        raise PermanentError(f"relay {relay.name}: tls = none is for loopback only; use starttls or implicit")
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        use_tls=relay.tls == "implicit",
        start_tls=False,
        local_hostname=helo,
        timeout=relay.reply_timeout_seconds,
    )
    try:
        client.tls_context = None if relay.tls == "none" else tls_context(relay.ca_file)
        await client.connect(sock=await _dial(relay))
        return await _hand_over(client, relay)
    except aiosmtplib.SMTPResponseException as error:
        family = PermanentError if error.code >= 500 else TransientError
        said = f"{max(error.code, 0)} {printable(error.message)}"
        raise family(f"relay {relay.name}: {said}", code=max(error.code, 0)) from error
    except UnicodeError as error:
        raise PermanentError(f"relay {relay.name}: {relay.host!r} is no host name; mend its host") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        # What the loop says for a refused connection is a number and a tuple; TLS has words of its own.
        number = cause.errno if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) else None
        reason = printable(os.strerror(number) if number and number > 0 else str(cause)) or "no answer in time"
        raise _family(error)(f"relay {relay.name} at {relay.host}:{relay.port}: {reason}") from error
    finally:
        # After the hand-over the client has forgotten its transport, and nothing happens here.
        client.close()


async def _dial(relay: RelayConfig) -> socket.socket:
    """Return a connected socket: reaching a relay has a shorter limit than its greeting (RFC 5321 4.5.3.2.1)."""
    loop = asyncio.get_running_loop()
    refusal = OSError("the name has no address")
    async with asyncio.timeout(relay.connect_timeout_seconds):
        for family, kind, protocol, _, address in await loop.getaddrinfo(
            relay.host, relay.port, type=socket.SOCK_STREAM
        ):
            line = socket.socket(family, kind, protocol)
            line.setblocking(False)
            try:
                await loop.sock_connect(line, address)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                line.close()
                refusal = error
            except BaseException:
                line.close()
                raise
            else:
                return line
    raise refusal


async def _hand_over(client: aiosmtplib.SMTP, relay: RelayConfig) -> tuple[Wire, Features]:
    """Bring a connection that was greeted to where MAIL may be said, and take it over."""
    await client.ehlo()
    if relay.tls == "starttls":
        if not client.supports_extension("starttls"):
            raise PermanentError(
                f"relay {relay.name} at {relay.host}:{relay.port} offers no STARTTLS, so nothing was sent to it, no "
                "login either; either somebody strips the line, or set tls = implicit and its port"
            )
        await client.starttls()
        await client.ehlo()
    if relay.username:
        await _log_in(client, relay)
    features = Features(
        pipelining=client.supports_extension("pipelining"),
        smtputf8=client.supports_extension("smtputf8"),
        size=_size(client.esmtp_extensions.get("size", "")),
    )
    transport = cast(asyncio.Transport, client.transport)
    wire = Wire(transport)
    transport.set_protocol(wire)
    client.transport = None
    return wire, features


async def _log_in(client: aiosmtplib.SMTP, relay: RelayConfig) -> None:
    """Try one mechanism once: a second try after a refusal counts towards a relay's lock-out."""
    offered = client.server_auth_methods
    wanted = (relay.auth,) if relay.auth else AUTH_MECHANISMS
    mechanism = next((name for name in wanted if name in offered), None)
    if mechanism is None:
        words = ", ".join(name.upper() for name in offered) or "no login"
        raise PermanentError(
            f"relay {relay.name}: it offers {words}, we log in by {' or '.join(name.upper() for name in wanted)}; "
            "remove username where the relay knows us by our address, or change auth"
        )
    say = client.auth_plain if mechanism == "plain" else client.auth_login
    await say(relay.username, relay.password)


def _size(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0


def _family(error: Exception) -> type[PermanentError] | type[TransientError]:
    """Return whether to try again: never where TLS itself failed, which no repeat mends."""
    causes = (error, error.__cause__, error.__context__)
    broken = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    if any(isinstance(cause, ssl.SSLError) and not isinstance(cause, broken) for cause in causes):
        return PermanentError
    fleeting = (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)
    return TransientError if isinstance(error, fleeting) else PermanentError
