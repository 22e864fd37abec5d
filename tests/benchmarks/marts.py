"""What the dashboards' benchmarks read: a published copy of millions of messages, made by SQL and the reporting models.

The core marts are made up here, the reports about them are built by the project's own models, and the copy is
published as after each build. Add here what a page needs to find; nothing is read from outside.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from ruamel.yaml import YAML

from assets.warehouse.published import publish
from assets.warehouse.tables import create_raw_tables
from tests.fixtures.warehouse import run_dbt

SENDS = 50
MESSAGES = 10_000_000
QUICK_MESSAGES = 500_000
AS_OF = datetime(2026, 11, 3, 9)
_MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"
_SELECTED = ("stg_crm__contacts", "stg_mail__specimens", "dim_segments", "marts.reporting")
_ZERO = {
    "string": "''",
    "varchar": "''",
    "bigint": "0",
    "integer": "0",
    "double": "0.0",
    "boolean": "false",
    "timestamp": "null",
    "date": "null",
}
_NOW = f"timestamp '{AS_OF}'"

# In the order of making; each names the columns that matter, the others get their type's zero.
_MARTS = {
    "fct_sends": """
        select i as send_no, 'campaign_' || i % 12 || '.' || i as send_id, 'campaign_' || i % 12 as campaign,
            ['news', 'offers'][1 + i % 2] as topic, 'finished' as state, {per_send} as audience_rows,
            {per_send} + {excluded} as included, {now} - interval (7 * ({sends} - i)) day as scheduled_at,
            scheduled_at as opened_at, scheduled_at + interval 2 hour as finished_at
        from range(1, {sends} + 1) t(i)""",
    "dim_contacts": """
        select md5('c' || i) as contact_id, 'person' || i || '@d' || i % 3000 || '.example' as email,
            'd' || i % 3000 || '.example' as mailbox_domain, 'Kendal' as city, 'GB' as country,
            if(i % 5 = 0, 'unknown', 'granted') as consent, 'shop' as first_source,
            {now} - interval (i % 1500) day as created_at, {now} as updated_at, i % 4 as orders
        from range({contacts}) t(i)""",
    "fct_messages": """
        select send_no << 32 | seq as message_key, send_no, send_id, campaign, seq,
            md5('c' || hash(n * 7) % {contacts}) as contact_id, 1 as tries, '550' as code,
            '5.1.' || h % 30 as enhanced_code,
            ['gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'd' || h % 3000 || '.example'][1 + h % 5]
                as mailbox_domain,
            case when h % 1000 < 970 then 'accepted' when h % 1000 < 990 then 'refused'
                when h % 1000 < 998 then 'expired' else 'in_doubt' end as state,
            if(h % 1000 < 970, '', 'no such user ' || h) as reply, true as was_sent, h % 1000 < 970 as was_accepted,
            h % 1000 < 965 as was_delivered, h % 1000 between 970 and 989 as was_hard_bounced,
            h % 1000 between 990 and 997 as was_soft_bounced, h % 1000 = 1 as was_complained,
            h % 500 = 2 as was_unsubscribed, h % 10 < 3 as was_opened, h % 100 < 4 as was_clicked,
            if(was_opened, 1 + h % 3, 0) as opens, was_clicked::int as clicks, h % 2 as machine_opens,
            if(h % 50 = 1, 5, 0) as machine_clicks, (h % 1000 < 5)::int as orders, if(h % 1000 < 5, 49.9, 0) as revenue,
            scheduled_at as first_attempted_at,
            if(was_accepted, scheduled_at + interval (seq % 3600) second, null) as sent_at
        from (select i as n, i // {per_send} + 1 as send_no, i % {per_send} + 1 as seq, (hash(i) % 100000)::bigint as h
            from range({messages}) t(i)) join marts.fct_sends using (send_no)""",
    "dim_links": """
        select send_no, l as link_no, send_id, campaign, 'https://shop.example/' || l as url, 'Link ' || l as label,
            'content' as role
        from marts.fct_sends, range(1, 13) t(l)""",
    "fct_email_events": """
        select md5('e' || message_key || '-' || k) as event_id, message_key * 4 + k as inbound_id, message_key, send_no,
            send_id, campaign, seq, ['opened', 'clicked', 'unsubscribed'][1 + k] as kind, contact_id,
            1 + seq % 12 as link_no, 'Mozilla/5.0' as user_agent,
            k = 0 and not was_opened or k = 1 and not was_clicked as is_machine,
            if(is_machine, ['apple_mpp', 'sweep'][1 + k], '') as machine_rule,
            first_attempted_at + interval (pow(seq * 7919 % 1000 / 1000.0, 6) * 20 * 86400) second as occurred_at,
            first_attempted_at + interval 1 day as received_at
        from marts.fct_messages, range(3) t(k)
        where k = 0 and (was_opened or machine_opens > 0) or k = 1 and (was_clicked or machine_clicks > 0)
            or k = 2 and was_unsubscribed""",
    "fct_exclusions": """
        select send_no, send_id, campaign, md5('c' || i) as contact_id,
            ['no_consent', 'unsubscribed', 'bounced', 'imported'][1 + i % 4] as reason
        from marts.fct_sends, range({excluded}) t(i)""",
    "dim_suppressions": """
        select contact_id, 'unsubscribed' as reason, min(received_at) as suppressed_at,
            min_by(event_id, inbound_id) as event_id
        from marts.fct_email_events where kind = 'unsubscribed' group by 1""",
    "fct_subscription_changes": """
        select contact_id, 'unsubscribed' as change, 'mail' as source, suppressed_at as changed_at
        from marts.dim_suppressions""",
    "fct_orders": """
        select 'o' || i as order_key, md5('c' || i % {contacts}) as contact_id, 50.0 as amount,
            {now} - interval (i % 900) day as ordered_at
        from range({orders}) t(i)""",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything; the rest goes by the messages."""

    messages: int

    def numbers(self) -> dict[str, object]:
        """Return the numbers that the queries name."""
        per_send = self.messages // SENDS
        return {
            "now": _NOW,
            "sends": SENDS,
            "messages": per_send * SENDS,
            "per_send": per_send,
            "excluded": per_send // 10,
            "contacts": self.messages // 10,
            "orders": self.messages * 3 // 10,
        }


def publish_marts(folder: Path, *, is_quick: bool) -> None:
    """Make the marts, build the reports and publish both into ``folder/published``; the warehouse is removed.

    Raises:
        RuntimeError: dbt could not build the reports.
    """
    size = Size(QUICK_MESSAGES if is_quick else MESSAGES)
    warehouse = folder / "warehouse.duckdb"
    with duckdb.connect(str(warehouse), config={"memory_limit": "4GB"}) as connection:
        connection.execute("set enable_progress_bar = false; create schema marts; create schema segments")
        create_raw_tables(connection)
        for name, query in _MARTS.items():
            _make(connection, name, query.format_map(size.numbers()))
        connection.execute(
            "insert into raw.contacts (load_id, source, email, contact_id, loaded_at)"
            " select 'load', 'shop', email, contact_id, created_at from marts.dim_contacts"
        )
        connection.execute("create table segments.seg_all_contacts as select contact_id from marts.dim_contacts")
    done = run_dbt(warehouse, folder, "run", "--select", *_SELECTED, as_of=AS_OF)
    if done.returncode:
        raise RuntimeError(f"dbt could not build the reports: {done.stdout[-2000:]}")
    publish(warehouse, folder / "published", "bench")
    warehouse.unlink()


def _make(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    """Create one mart with the columns of its contract."""
    found = {column for column, *_ in connection.execute(f"describe {query}").fetchall()}
    columns = ", ".join(
        f"{column if column in found else _ZERO[kind]}::{kind} as {column}" for column, kind in _contract(name).items()
    )
    connection.execute(f"create table marts.{name} as select {columns} from ({query})")


def _contract(name: str) -> dict[str, str]:
    models = YAML(typ="safe").load(_MODELS / "core" / f"{name}.yml")["models"]
    return {c["name"]: c["data_type"] for model in models if model["name"] == name for c in model["columns"]}
