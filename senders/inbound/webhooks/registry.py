"""The providers that Mailrail understands, by the name that the settings use.

Add a line with a provider's module. Those that keep nothing secret but the address and a login are verified by that.
"""

from collections.abc import Callable

from senders.http_config import WebhookConfig
from senders.inbound.webhooks.amazon_ses import AmazonSes
from senders.inbound.webhooks.brevo import Brevo
from senders.inbound.webhooks.mailgun import Mailgun
from senders.inbound.webhooks.mailjet import Mailjet
from senders.inbound.webhooks.mandrill import Mandrill
from senders.inbound.webhooks.postmark import Postmark
from senders.inbound.webhooks.provider import Fetch, Provider
from senders.inbound.webhooks.resend import Resend
from senders.inbound.webhooks.sendgrid import SendGrid
from senders.inbound.webhooks.sparkpost import SparkPost
from senders.inbound.webhooks.standard import StandardWebhooks

PROVIDERS: dict[str, Callable[[WebhookConfig, Fetch], Provider]] = {
    "amazon_ses": AmazonSes,
    "brevo": lambda config, _: Brevo(config),
    "mailgun": lambda config, _: Mailgun(config),
    "mailjet": lambda config, _: Mailjet(config),
    "mandrill": lambda config, _: Mandrill(config),
    "postmark": lambda config, _: Postmark(config),
    "resend": lambda config, _: Resend(config),
    "sendgrid": lambda config, _: SendGrid(config),
    "sparkpost": lambda config, _: SparkPost(config),
    "standard": lambda config, _: StandardWebhooks(config),
}


def build_provider(config: WebhookConfig, fetch: Fetch) -> Provider:
    """Return the provider of a configuration."""
    return PROVIDERS[config.provider](config, fetch)
