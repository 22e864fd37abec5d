"""Every setting is described, and stands in the README's table."""

from pathlib import Path

from orchestration import settings as module

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {
    "relays.<name>": module.RelaySettings,
    "senders.<name>": module.SenderSettings,
    "providers.<name>": module.ProviderSettings,
    "senders.<name>.dkim": module.DkimSettings,
    "collector": module.CollectorSettings,
    "dashboards": module.DashboardsSettings,
    "dagster": module.DagsterSettings,
    "delivery": module.DeliverySettings,
    "brakes": module.BrakesSettings,
    "alerts": module.AlertsSettings,
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
