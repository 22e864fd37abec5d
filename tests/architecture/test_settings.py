"""Every setting is described, and stands in the README's table."""

from pathlib import Path

from orchestration import settings as module
from orchestration.forms import FieldWords, FormFieldSettings, FormWords
from orchestration.public_pages import DarkSettings, LightSettings, TopicWords

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {
    "relays.<name>": module.RelaySettings,
    "senders.<name>": module.SenderSettings,
    "providers.<name>": module.ProviderSettings,
    "senders.<name>.dkim": module.DkimSettings,
    "collector": module.CollectorSettings,
    "pages": module.PagesSettings,
    "pages.light": LightSettings,
    "pages.dark": DarkSettings,
    "topics.<name>": module.TopicSettings,
    "topics.<name>.languages.<language>": TopicWords,
    "api": module.ApiSettings,
    "dashboards": module.DashboardsSettings,
    "dagster": module.DagsterSettings,
    "delivery": module.DeliverySettings,
    "brakes": module.BrakesSettings,
    "outbox": module.OutboxSettings,
    "alerts": module.AlertsSettings,
    "web": module.WebSettings,
    "webhooks.<name>": module.WebhookSettings,
    "outgoing.<name>": module.OutgoingSettings,
    "forms.<name>": module.FormSettings,
    "forms.<name>.languages.<language>": FormWords,
    "forms.<name>.fields.<field>": FormFieldSettings,
    "forms.<name>.fields.<field>.languages.<language>": FieldWords,
    "signups": module.SignupSettings,
    "tracking": module.TrackingSettings,
}


def names() -> dict[str, str]:
    found = {name: field.description for name, field in module.Settings.model_fields.items()}
    for section, model in SECTIONS.items():
        found |= {f"{section}.{name}": field.description for name, field in model.model_fields.items()}
    return found


def test_every_setting_is_described():
    assert not [name for name, text in names().items() if not text]


def test_every_setting_stands_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [name for name in names() if f"`{name}`" not in readme]
