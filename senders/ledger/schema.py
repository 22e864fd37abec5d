"""The tables of the ledger, their version, and how an older ledger is brought up to it.

Add a migration (its statements) when a table changes; never edit one that was released. Queries belong to
the modules that use the tables.
"""

import re
from collections.abc import Callable
from pathlib import Path

from senders.errors import ConfigError
from senders.ledger.connection import Connection

_VERSION_1 = """
create table counters (name text primary key, value integer not null) without rowid;
insert into counters values ('epoch', 0), ('sequence', 0);

create table send_numbers (
    send_no integer primary key autoincrement,
    send_id text not null unique,
    campaign text not null,
    reserved_at integer not null
);

create table sends (
    send_no integer primary key,
    send_id text not null unique,
    campaign text not null,
    topic text not null,
    scheduled_at integer not null,
    sender text not null,
    folder text not null,
    audience_rows integer not null,
    audience_hash text not null,
    content_hash text not null,
    state text not null check (state in ('running', 'paused', 'cancelled', 'finished')),
    reason text not null default '',
    too_late_after integer,
    expires_at integer,
    opened_at integer not null,
    first_offered_at integer,
    finished_at integer
);

create table approvals (
    id integer primary key autoincrement,
    send_id text not null,
    audience_hash text not null,
    content_hash text not null,
    recipients integer not null,
    approved_by text not null,
    approved_at integer not null,
    road text not null,
    voided_at integer
);
create index approvals_by_send on approvals (send_id);

-- owner is '' while nobody holds the shard; expires_at is the clock of `lease_now` (connection.py);
-- next_at (real time, milliseconds) and done only spare the sender a look at the messages.
create table shards (
    send_no integer not null,
    shard integer not null,
    file text not null,
    first_seq integer not null,
    last_seq integer not null,
    audience_hash text not null,
    epoch integer not null default 0,
    owner text not null default '',
    expires_at real not null default 0,
    next_at integer not null default 0,
    done integer not null default 0,
    primary key (send_no, shard)
) without rowid;

create table links (
    send_no integer not null,
    link_no integer not null,
    url text not null,
    label text not null,
    role text not null,
    primary key (send_no, link_no)
) without rowid;

-- sequence is the ledger's own order: that of the last offer here, comparable with suppressions. The states are
-- compared one by one, the commonest first: for `in (...)` SQLite builds a table of them with each row, which doubled
-- what a row costs.
create table messages (
    send_no integer not null,
    seq integer not null,
    state text not null check (
        state = 'queued' or state = 'offered' or state = 'accepted' or state = 'deferred' or state = 'refused'
        or state = 'suppressed' or state = 'expired' or state = 'cancelled' or state = 'in_doubt'
    ),
    tries integer not null default 0,
    epoch integer not null default 0,
    sequence integer not null default 0,
    next_at integer not null default 0,
    address_hash blob not null check (length(address_hash) = 16),
    changed_at integer not null,
    primary key (send_no, seq)
) without rowid;
create index messages_offered on messages (address_hash) where state = 'offered';

create table attempts (
    id integer primary key autoincrement,
    send_no integer not null,
    seq integer not null,
    tries integer not null,
    state text not null,
    at integer not null,
    relay text not null,
    connection text not null,
    code integer not null,
    enhanced_code text not null,
    reply text not null,
    class text not null,
    sequence integer not null
);
create index attempts_in_doubt on attempts (send_no, seq) where state = 'in_doubt';

create table inbound (
    id integer primary key autoincrement,
    event_id text not null unique,
    kind text not null,
    occurred_at integer not null,
    received_at integer not null,
    send_no integer not null,
    seq integer not null,
    address_hash blob not null,
    scope text not null,
    link_no integer not null,
    url text not null,
    user_agent text not null,
    ip text not null,
    method text not null,
    failure text not null,
    code text not null,
    detail text not null,
    body text not null,
    sequence integer not null
);

create table suppressions (
    address_hash blob not null check (length(address_hash) = 16),
    scope text not null,
    reason text not null,
    at integer not null,
    event_id text not null,
    sequence integer not null,
    primary key (address_hash, scope)
) without rowid;

create table heartbeats (
    process text not null,
    owner text not null,
    machine text not null,
    pid integer not null,
    at real not null,
    primary key (process, owner)
) without rowid;
"""

_VERSION_2 = """
-- provider groups recipients by who receives their mail (the MX group of RELIABILITY P16); 0 is unknown.
create table providers (
    provider integer primary key autoincrement,
    name text not null unique
);
alter table messages add column provider integer not null default 0;

-- stream is 'marketing' or 'transactional'; per_hour is the most messages of the send that begin in an hour;
-- rehearsal is 1 where no relay of the send mails anybody, so that it counts for nothing.
alter table sends add column stream text not null default 'marketing';
alter table sends add column per_hour integer;
alter table sends add column rehearsal integer not null default 0;
-- When a paused send was paused: the time that its messages have does not run meanwhile.
alter table sends add column paused_at integer;

-- What a sender says about its work some times a second, for bars; the proof sheet counts messages itself.
create table progress (
    send_no integer not null,
    shard integer not null,
    provider integer not null,
    total integer not null,
    accepted integer not null default 0,
    refused integer not null default 0,
    deferred integer not null default 0,
    passed_over integer not null default 0,
    in_doubt integer not null default 0,
    changed_at integer not null,
    primary key (send_no, shard, provider)
) without rowid;

-- A bucket of the rate limits (GCRA): arrival and until in microseconds of real time.
create table rates (
    bucket text primary key,
    arrival integer not null default 0,
    factor real not null default 1,
    until integer not null default 0,
    stage integer not null default 0,
    day text not null default '',
    used integer not null default 0
) without rowid;

-- Alerts that a brake asked for, in the transaction of the pause where it stops the send; mailed and posted say by
-- which way somebody was told already. next_at (real time, milliseconds) is when it is tried again.
create table alerts (
    id integer primary key autoincrement,
    send_no integer not null,
    kind text not null,
    stops integer not null,
    text text not null,
    at integer not null,
    mailed integer not null default 0,
    posted integer not null default 0,
    tries integer not null default 0,
    next_at integer not null
);

-- Where the brakes begin to count for a send: at its opening, and anew when a person resumes it.
create table brake_starts (
    send_no integer primary key,
    attempt_id integer not null,
    inbound_id integer not null,
    sequence integer not null
);

-- Relays that a send cannot reach now, in the relay's words; at is real time in milliseconds.
create table relay_troubles (
    send_no integer not null,
    relay text not null,
    reason text not null,
    is_down integer not null,
    at integer not null,
    primary key (send_no, relay)
) without rowid;

-- How a doubt was settled, by what evidence or by which person.
create table resolutions (
    id integer primary key autoincrement,
    send_no integer not null,
    seq integer not null,
    state text not null,
    resolver text not null,
    evidence text not null,
    at integer not null,
    sequence integer not null
);
"""

_VERSION_3 = """
-- The relay of an open offer, by number, so that a crash leaves a doubt that says where to ask; 0 is none yet.
create table relays (
    relay integer primary key autoincrement,
    name text not null unique
);
alter table messages add column relay integer not null default 0;

-- What a person chose, the newest choice of each name: 'topic:<topic>', 'frequency', 'pause_until', 'tracking',
-- 'language'. Suppressions stay the truth about what may not be sent.
create table preferences (
    address_hash blob not null check (length(address_hash) = 16),
    name text not null,
    value text not null,
    at integer not null,
    event_id text not null,
    sequence integer not null,
    primary key (address_hash, name)
) without rowid;

-- The newest time that a person took an unsubscribe back, by topic. The suppression of the topic itself is gone then;
-- one of everything stays, and does not hold for topics that were taken back after it.
create table lifts (
    address_hash blob not null check (length(address_hash) = 16),
    scope text not null,
    at integer not null,
    event_id text not null,
    sequence integer not null,
    primary key (address_hash, scope)
) without rowid;

-- For the proof of consent.
create index inbound_consents on inbound (address_hash) where kind in ('subscribed', 'unsubscribed');

-- For the soft-bounce rule, which counts bounces since the last sign of life. Opens are left out, which are many.
create index inbound_signs on inbound (address_hash, received_at)
    where kind in ('bounced', 'delivered', 'clicked', 'viewed', 'unsubscribed', 'subscribed', 'preferred');

-- Sign-ups that wait for the person's word; token is the digest of what the confirmation mail carries.
create table signups (
    signup_id text primary key,
    token blob not null unique,
    form text not null,
    email text not null,
    address_hash blob not null,
    topics text not null,
    fields text not null,
    language text not null,
    wording text not null,
    wording_text text not null,
    ip text not null,
    asked_at integer not null,
    expires_at integer not null,
    confirmed_at integer
);
create index signups_by_end on signups (expires_at);

-- How often something was done in a window (T10); all counters of a request are judged and raised in one statement.
create table quotas (
    bucket text primary key,
    window_at integer not null,
    used integer not null,
    ends_at integer not null
) without rowid;
create index quotas_by_end on quotas (ends_at);

-- Mail that somebody waits for, until it stands in a send of its own; then send_no and seq name the message.
create table outbox (
    id integer primary key autoincrement,
    request_id text not null unique,
    template text not null,
    email text not null,
    address_hash blob not null,
    fields text not null,
    language text not null default '',
    state text not null default 'waiting' check (state in ('waiting', 'taken', 'refused')),
    reason text not null default '',
    send_no integer not null default 0,
    seq integer not null default 0,
    requested_at integer not null,
    expires_at integer
);
create index outbox_waiting on outbox (template, id) where state = 'waiting';
create index outbox_refused on outbox (id) where state = 'refused';
create index outbox_taken on outbox (send_no, seq) where state = 'taken';
-- With a send for each batch of requests there are many, and few of them run.
create index sends_by_state on sends (state, send_no);

-- Keys of the API; digest is all that is kept of a key.
create table api_keys (
    key_id text primary key,
    name text not null,
    digest blob not null,
    scopes text not null,
    created_at integer not null,
    revoked_at integer
);

-- Answers already given under an idempotency key, so that a repeat gets the same one.
create table idempotency (
    account text not null,
    idempotency_key text not null,
    fingerprint blob not null,
    status integer not null,
    body text not null,
    at integer not null,
    primary key (account, idempotency_key)
) without rowid;
create index idempotency_by_age on idempotency (at);

-- What was let in and could not be understood, with its raw bytes, until somebody replays or drops it.
create table dead_letters (
    id integer primary key autoincrement,
    source text not null,
    reason text not null,
    headers text not null,
    payload blob not null,
    digest blob not null unique,
    tries integer not null default 0,
    received_at integer not null,
    replayed_at integer,
    dropped_at integer
);

-- Signed calls seen already, where the signature alone does not show a repeat.
create table seen_calls (
    source text not null,
    token text not null,
    digest blob not null,
    at integer not null,
    primary key (source, token)
) without rowid;
create index seen_calls_by_age on seen_calls (at);

-- How sends went on, for those who are told about it: 'opened' and each state after it.
create table send_changes (
    id integer primary key autoincrement,
    send_no integer not null,
    state text not null,
    reason text not null,
    at integer not null
);
create index send_changes_by_send on send_changes (send_no, id);

-- Outgoing webhooks: how far each has read of a stream ('inbound' or 'sends'), and what it is to be told; what was
-- delivered is counted and no longer kept. Times are real, in microseconds. is_refused says that the last answer was
-- about this call, not about the whole address.
create table hook_cursors (
    hook text not null,
    stream text not null,
    last_id integer not null,
    delivered integer not null default 0,
    delivered_at integer,
    primary key (hook, stream)
) without rowid;
create table hook_calls (
    id integer primary key autoincrement,
    hook text not null,
    call_id text not null,
    kind text not null,
    body text not null,
    tries integer not null default 0,
    next_at integer not null,
    is_refused integer not null default 0,
    state text not null default 'waiting' check (state in ('waiting', 'failed')),
    answer text not null default '',
    created_at integer not null,
    failed_at integer,
    unique (hook, call_id)
);
create index hook_calls_waiting on hook_calls (hook, id) where state = 'waiting';
create index hook_calls_failed on hook_calls (hook, id) where state = 'failed';
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3)
SCHEMA_VERSION = len(MIGRATIONS)


def read_version(connection: Connection) -> int:
    """Return the version of the tables, 0 for an empty store."""
    if not connection.has_table("meta"):
        return 0
    row = connection.execute("select value from meta where key = 'schema_version'").fetchone()
    return int(row[0]) if row else 0


def refuse_newer(version: int, path: Path) -> None:
    """Stop before a ledger that a newer Mailrail wrote.

    Raises:
        ConfigError: the version is above ours.
    """
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"ledger {path} has schema version {version}, this Mailrail knows up to {SCHEMA_VERSION}; "
            "start it with the Mailrail that wrote it, or a newer one"
        )


def migrate(connection: Connection, translate: Callable[[str], str] = str) -> None:
    """Bring the tables to our version; the caller holds the write transaction.

    ``translate`` turns one statement of these tables into that of a store with other names of types.
    """
    version = read_version(connection)
    if version == 0:
        connection.execute(translate("create table meta (key text primary key, value text not null) without rowid"))
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in _statements(script):
            connection.execute(translate(statement))
        connection.execute(
            "insert into meta values ('schema_version', ?) on conflict (key) do update set value = excluded.value",
            (str(number),),
        )


def _statements(script: str) -> list[str]:
    """Split a script at its semicolons; executescript would commit our transaction."""
    bare = re.sub(r"^\s*--.*\n", "", script, flags=re.MULTILINE)
    return [statement.strip() for statement in bare.split(";") if statement.strip()]
