"""The settings of alerts: who is told that a send was stopped, by mail or by a webhook.

``settings`` puts them into its tree; add a way to tell somebody here, with a description. What an alert says stands in
``senders.delivery.alerting``.
"""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr

from orchestration.hooks import require_callable
from orchestration.secret_files import secret_text
from senders.config import AlertsConfig
from senders.errors import ConfigError
from senders.http_config import WebConfig
from senders.web.signatures import decode_secret


class AlertsSettings(BaseModel, extra="forbid"):
    """Who is told that a send was stopped, ``[alerts]``."""

    mail_to: tuple[str, ...] = Field((), description="Addresses that get a mail.")
    webhook_url: str = Field("", description="Address that gets a POST; https, or this machine.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Signs the POST (Standard Webhooks, whsec_…); by the environment only."
    )
    webhook_secret_file: Path | None = Field(None, description="File that holds the secret.")

    def build(self, web: WebConfig) -> AlertsConfig:
        """Return who is told.

        Raises:
            ConfigError: the webhook's address or secret cannot be used.
        """
        text = secret_text(self.webhook_secret, self.webhook_secret_file, "alerts.webhook_secret")
        if self.webhook_url:
            require_callable(self.webhook_url, web, "alerts.webhook_url")
        try:
            secret = decode_secret(text) if text else b""
        except ValueError as error:
            raise ConfigError(f"alerts.webhook_secret: {error}; take one that begins with whsec_.") from None
        return AlertsConfig(self.mail_to, self.webhook_url, secret)
