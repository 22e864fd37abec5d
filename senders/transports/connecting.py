"""How a connection to a relay is made: greeting, EHLO, TLS and login by aiosmtplib, then handed to our wire.

Add here what belongs before the first MAIL. After the hand-over nothing of aiosmtplib is used any more.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from senders.config import RelayConfig
from senders.errors import PermanentError, TransientError
from senders.transports.wire import Wire


@dataclass(frozen=True, slots=True)
class Features:
    """What the relay offered in its last EHLO (it may offer something else before TLS)."""

    pipelining: bool
    smtputf8: bool


async def connect(relay: RelayConfig, helo: str) -> tuple[Wire, Features]:
    """Connect, encrypt and log in as the relay's settings say.

    Raises:
        TransientError: not now; the reply's code where there was one.
        PermanentError: not at all: login, certificate or TLS refused.
    """
    if relay.tls == "none" and not relay.is_loopback:
        raise PermanentError(f"relay {relay.name}: tls = none is for loopback only; use starttls or implicit")
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.tls == "implicit",
        start_tls=relay.tls == "starttls",
        username=relay.username or None,
        password=relay.password or None,
        local_hostname=helo,
        timeout=relay.connect_timeout_seconds,
    )
    try:
        return await _hand_over(client)
    except aiosmtplib.SMTPResponseException as error:
        client.close()
        family = PermanentError if error.code >= 500 else TransientError
        raise family(f"relay {relay.name}: {error.code} {error.message}", code=error.code) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        raise _family(error)(f"relay {relay.name} at {relay.host}:{relay.port}: {error}") from error
    except BaseException:
        client.close()
        raise


async def _hand_over(client: aiosmtplib.SMTP) -> tuple[Wire, Features]:
    await client.connect()
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    features = Features(client.supports_extension("pipelining"), client.supports_extension("smtputf8"))
    transport = cast(asyncio.Transport, client.transport)
    wire = Wire(transport)
    transport.set_protocol(wire)
    return wire, features


def _family(error: Exception) -> type[PermanentError] | type[TransientError]:
    causes = (error, error.__cause__, error.__context__)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return PermanentError
    fleeting = (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)
    return TransientError if isinstance(error, fleeting) else PermanentError
