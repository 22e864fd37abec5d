"""Why somebody got a message, or did not: every fact of one person and one send in one answer.

For a send that was opened the frozen files and the ledger answer; before that the plan of this moment does. Add a fact
here when people ask for it; the document's form is a contract.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from assets.audiences.definition import CampaignDefinition, load_campaign, shared_templates
from assets.audiences.exclusions import SUPPRESSIONS
from assets.audiences.judgement import Answer, Frozen, Judged, Planned
from assets.audiences.plan import build_request, campaign_folder
from assets.deliveries.preflight import load_template
from assets.warehouse.resources import Mailrail
from senders.clock import format_time
from senders.errors import ConfigError
from senders.ledger.rows import AttemptRow, SendRow
from senders.ledger.store import Ledger
from senders.message import State, message_key
from senders.rendering.template import compile_template
from senders.tracking.addresses import AddressError, hash_address, normalize_address
from senders.tracking.tokens import SendTokens, send_tokens

MAX_EVENTS = 200
MAX_SAMPLE = 10_000


@dataclass(frozen=True, slots=True)
class _Case:
    """What is the same for everybody who is explained."""

    mailrail: Mailrail
    ledger: Ledger
    connection: duckdb.DuckDBPyConnection
    definition: CampaignDefinition
    send: SendRow | None
    answers: Answer
    tokens: SendTokens | None
    template_hash: str
    as_of: datetime


def explain_people(
    mailrail: Mailrail,
    ledger: Ledger,
    connection: duckdb.DuckDBPyConnection,
    campaign: str,
    addresses: Sequence[str] = (),
    *,
    sample: int = 0,
    send_id: str | None = None,
) -> dict[str, Any]:
    """Return the document of `mailrail explain --json` (CONTRACTS).

    Args:
        mailrail: the project and its home.
        ledger: knows what became of messages, and who is suppressed.
        connection: an open published copy.
        campaign: the campaign.
        addresses: whom to explain, in any spelling.
        sample: instead of addresses, so many people, in turn from each outcome.
        send_id: the send; the newest of the campaign by default, this moment's plan where there is none.

    Raises:
        ConfigError: there is no such campaign, or the sample is too large or negative.
        ConfigError: there is no such send of it.
    """
    if not 0 <= sample <= MAX_SAMPLE:
        raise ConfigError(f"a sample holds 1 to {MAX_SAMPLE:,} people, not {sample}.")
    case = _open_case(mailrail, ledger, connection, campaign, send_id)
    if addresses:
        people = [_explain_address(case, address) for address in addresses]
    else:
        people = [_explain(case, contact_id, *_contact(case, contact_id)) for contact_id in case.answers.sample(sample)]
    return {"campaign": campaign, "send_id": case.send.send_id if case.send else None, "people": people}


def _open_case(
    mailrail: Mailrail, ledger: Ledger, connection: duckdb.DuckDBPyConnection, campaign: str, send_id: str | None
) -> _Case:
    folder = campaign_folder(mailrail.project, campaign)
    definition = load_campaign(folder)
    send = _choose_send(ledger, campaign, send_id)
    if send is None:
        template = compile_template(folder, shared_templates(folder))
        request = build_request(mailrail, definition, campaign, template, as_of=mailrail.clock.now())
        planned = Planned(connection, request, ledger)
        return _Case(
            mailrail, ledger, connection, definition, None, planned, None, template.content_hash, request.as_of
        )
    frozen = Frozen(mailrail.home / send.folder, ledger, send.send_no)
    tokens = send_tokens(mailrail.keyring(), send.send_no)
    template_hash = _frozen_template_hash(mailrail, send)
    return _Case(mailrail, ledger, connection, definition, send, frozen, tokens, template_hash, frozen.as_of)


def _choose_send(ledger: Ledger, campaign: str, send_id: str | None) -> SendRow | None:
    sends = [send for send in ledger.sends() if send.campaign == campaign]
    if send_id is None:
        return max(sends, key=lambda send: send.send_no, default=None)
    for send in sends:
        if send.send_id == send_id:
            return send
    raise ConfigError(f"there is no send {send_id!r} of {campaign} in the ledger; see: mailrail status")


def _frozen_template_hash(mailrail: Mailrail, send: SendRow) -> str:
    try:
        return load_template(mailrail.home / send.folder).content_hash
    except (OSError, ConfigError):  # the files have gone after their retention
        return ""


def _explain_address(case: _Case, address: str) -> dict[str, Any]:
    try:
        normal = normalize_address(address)
    except AddressError as error:
        return _person(address, "unknown contact", str(error))
    contact_id = hash_address(normal, case.mailrail.keyring().address_key).hex()
    _, consent = _contact(case, contact_id)
    return _explain(case, contact_id, normal, consent)


def _contact(case: _Case, contact_id: str) -> tuple[str, dict[str, Any] | None]:
    """Return address, and consent to the topic, of a contact; an empty address where the copy does not know it."""
    rows = case.connection.execute(
        "select email, said.consent, basis, stated_at, expires_at from marts.dim_contacts as contacts"
        " left join (select * from marts.fct_consents where topic in ('', $topic) and voided_at is null"
        " and (expires_at is null or expires_at > $as_of)) as said on contacts.contact_id = said.contact_id"
        " where contacts.contact_id = $contact_id"
        " order by stated_at desc nulls last, said.consent limit 1",
        {
            "contact_id": contact_id,
            "topic": case.definition.topic,
            "as_of": case.as_of.astimezone(UTC).replace(tzinfo=None),
        },
    ).fetchall()
    if not rows:
        return "", None
    email, state, basis, at, expires_at = rows[0]
    return email or "", {
        "state": state or "unknown",
        "basis": basis,
        "at": _time(at),
        "expires_at": _time(expires_at),
    }


def _explain(case: _Case, contact_id: str, address: str, consent: dict[str, Any] | None) -> dict[str, Any]:
    judged = case.answers.find(contact_id)
    person = _person(address, *_outcome(case, judged, is_known=consent is not None))
    person |= {
        "segments": _segments(case, contact_id),
        "consent": consent,
        "preferences": _preferences(case, contact_id),
        "suppression": _suppression(case, contact_id, judged),
        "cap": _cap(case, contact_id),
        "template_hash": case.template_hash,
    }
    if judged is not None:
        person["detail"] = judged.detail or ""
        person["variant"] = judged.variant
    if case.send is not None and case.tokens is not None and judged is not None and judged.seq:
        person |= _message(case, case.send, case.tokens, judged.seq)
    return person


def _person(address: str, outcome: str, reason: str) -> dict[str, Any]:
    return {
        "address": address,
        "outcome": outcome,
        "reason": reason,
        "detail": "",
        "segments": [],
        "consent": None,
        "preferences": {},
        "suppression": None,
        "cap": None,
        "variant": "",
        "template_hash": "",
        "message_id": None,
        "reply": None,
        "events": [],
    }


def _outcome(case: _Case, judged: Judged | None, *, is_known: bool) -> tuple[str, str]:
    if judged is None:
        if is_known:
            return "not in audience", "in none of the campaign's segments, or left out by its where"
        return "unknown contact", "no contact has this address"
    if judged.reason is not None:
        return "excluded", judged.reason
    if case.send is None:
        return "planned", "would get it now"
    message = case.ledger.message(case.send.send_no, judged.seq)
    if message is None:
        return "queued", "not handed over yet"
    if message.state is State.SUPPRESSED:
        now = case.ledger.suppression(message.address_hash, case.send.topic)
        return message.state.value, now.reason if now is not None else message.state.value
    attempts = case.ledger.attempts(case.send.send_no, judged.seq)
    return message.state.value, _why(attempts, message.state.value)


def _why(attempts: Sequence[AttemptRow], state: str) -> str:
    """Return the class of the last attempt where it says more than the state, else the relay's words."""
    if not attempts:
        return "waiting"
    last = attempts[-1]
    if last.class_ and last.class_ != state:
        return last.class_
    return last.reply or state


def _segments(case: _Case, contact_id: str) -> list[dict[str, Any]]:
    """Return membership in the campaign's segments as published; nobody records since when."""
    present = case.connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'segments'"
    ).fetchall()
    names = {name for (name,) in present}
    found = []
    for name in case.answers.segments:
        is_member = None
        if name in names:
            query = f"select count(*) > 0 from segments.{name} where contact_id = $contact_id"  # noqa: S608 - a checked name
            ((is_member,),) = case.connection.execute(query, {"contact_id": contact_id}).fetchall()
        found.append({"name": name, "member": is_member, "since": None})
    return found


def _preferences(case: _Case, contact_id: str) -> dict[str, str]:
    """Return what the person chose last, by name, as the ledger knows it now."""
    return {name: choice.value for name, choice in case.ledger.standing(bytes.fromhex(contact_id)).choices.items()}


def _suppression(case: _Case, contact_id: str, judged: Judged | None) -> dict[str, Any] | None:
    """Return what kept the person out, or what stands in the ledger now."""
    now = case.ledger.suppression(bytes.fromhex(contact_id), case.definition.topic)
    if judged is not None and judged.reason in SUPPRESSIONS:
        scope = now.scope if now is not None and now.event_id == judged.event_id else None
        return {"reason": judged.reason, "at": _time(judged.at), "event_id": judged.event_id, "scope": scope}
    if now is None:
        return None
    return {"reason": now.reason, "at": format_time(now.at), "event_id": now.event_id, "scope": now.scope}


def _cap(case: _Case, contact_id: str) -> dict[str, Any] | None:
    cap = case.definition.frequency_cap
    if cap is None:
        return None
    as_of = case.as_of.astimezone(UTC).replace(tzinfo=None)
    ((sent,),) = case.connection.execute(
        "select count(*) from marts.fct_messages where contact_id = $contact_id and was_accepted"
        " and sent_at > $since and sent_at <= $as_of",
        {"contact_id": contact_id, "since": as_of - timedelta(days=cap.days), "as_of": as_of},
    ).fetchall()
    return {"messages": cap.messages, "days": cap.days, "sent": sent, "reached": sent >= cap.messages}


def _message(case: _Case, send: SendRow, tokens: SendTokens, seq: int) -> dict[str, Any]:
    profile = case.mailrail.profiles.get(send.sender)
    attempts = case.ledger.attempts(send.send_no, seq)
    return {
        "seq": seq,
        "message_id": f"<{tokens.message_id(seq, profile.message_id_domain)}>" if profile else None,
        "reply": _reply(attempts),
        "events": _events(case, message_key(send.send_no, seq)),
    }


def _reply(attempts: Sequence[AttemptRow]) -> dict[str, Any] | None:
    """Return the last attempt, and how many there were."""
    if not attempts:
        return None
    last = attempts[-1]
    return {
        "state": last.state.value,
        "at": format_time(last.at),
        "relay": last.relay,
        "code": last.code or None,
        "enhanced_code": last.enhanced_code,
        "text": last.reply,
        "class": last.class_,
        "attempts": len(attempts),
    }


def _events(case: _Case, key: int) -> list[dict[str, Any]]:
    names = ("event_id", "kind", "at", "link_no", "url", "is_machine", "machine_rule")
    rows = case.connection.execute(
        "select event_id, kind, occurred_at, link_no, url, is_machine, machine_rule from marts.fct_email_events"
        " where message_key = $key order by occurred_at, event_id limit $limit",
        {"key": key, "limit": MAX_EVENTS},
    ).fetchall()
    return [{**dict(zip(names, row, strict=True)), "at": _time(row[2])} for row in rows]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment.replace(tzinfo=UTC))
