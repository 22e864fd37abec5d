"""What the dashboards read from in this project: the published copy, the address key, and the way to the other places.

The composition that ``dashboards`` cannot make itself, as it knows neither settings nor keys. Add a link here when
there is another place to go; pages belong to ``dashboards``.
"""

from assets.warehouse.published import connect_published, current
from dashboards.routes import Connection, Reading
from orchestration.settings import Settings
from senders.tracking.addresses import AddressError, hash_address, normalize_address
from senders.tracking.keys import Keyring


def build_reading(settings: Settings) -> Reading:
    """Return what the pages of a project read from."""
    published = settings.home / "published"

    def connect() -> Connection | None:
        return connect_published(published) if current(published) else None

    def find_contact(address: str) -> str | None:
        try:
            normal = normalize_address(address)
        except AddressError:
            return None
        keys = settings.home / "keys"
        return hash_address(normal, Keyring.open(keys).address_key).hex() if keys.exists() else None

    dagster = settings.dagster_url()
    return Reading(
        connect=connect,
        find_contact=find_contact,
        links={"Dagster UI": dagster},
        dagster_url=dagster,
        currency=settings.dashboards.currency,
    )
