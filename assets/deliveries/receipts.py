"""From a checked preflight to an open send: permission, and handing it over to the senders.

The guards that decide whether a send may begin stand here; each refusal says what would satisfy it. Watching it
belongs to ``following``, offering messages to ``senders.delivery``.
"""

import functools
import itertools
import math
from datetime import datetime, timedelta
from pathlib import Path

from assets.audiences.definition import CampaignDefinition, rollout_fault, shared_templates
from assets.audiences.manifest import Manifest, Shard, address_hashes, definition_hash, verify_audience
from assets.deliveries.batches import read_rows
from assets.deliveries.preflight import Preflight, content_hash, load_preflight, load_template
from assets.deliveries.routes import audience_routes, provider_names, refused_addresses
from assets.partitions import send_time, split_send_id
from assets.warehouse.resources import Mailrail, is_allowed
from senders.clock import format_time
from senders.delivery.exchanges import Routes, resolve_exchange
from senders.errors import GuardError
from senders.ledger.rows import Approval, LinkRow, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.rendering.template import compile_template
from senders.tracking.addresses import mask_address

_EVENTS_AT_ONCE = 1_000


def authorise(
    definition: CampaignDefinition,
    folder: Path,
    mailrail: Mailrail,
    ledger: Ledger,
    *,
    send_id: str,
    confirm: int | None,
    approved_by: str,
    is_scheduled: bool,
) -> Approval | None:
    """Make sure that exactly this audience and content may go out; None where the send is open already.

    Args:
        definition: the campaign, whose standing rule may be the permission.
        folder: the campaign's folder, whose template must still be the one that was checked.
        mailrail: the project and its home.
        ledger: holds the approvals.
        send_id: the send.
        confirm: the number of recipients as a person typed it.
        approved_by: that person.
        is_scheduled: whether the campaign's own schedule asks.

    Raises:
        GuardError: nobody allowed it, the number is wrong, it is too late, or something changed since the preflight.
    """
    if ledger.send(send_id) is not None:
        return None
    manifest, preflight = _require_unchanged(definition, folder, mailrail, ledger, send_id)
    standing = ledger.approval(send_id, manifest.audience_hash, preflight.content_hash)
    if confirm is not None:
        _require_number(confirm, manifest)
    elif standing is not None:
        return standing
    elif is_scheduled and definition.approval == "automatic":
        _require_rule(definition, mailrail, manifest)
        _require_apart(definition, mailrail, ledger, manifest)
    else:
        raise GuardError(_no_approval(manifest))
    approval = Approval(
        send_id=send_id,
        audience_hash=manifest.audience_hash,
        content_hash=preflight.content_hash,
        recipients=manifest.rows,
        approved_by=(approved_by or "somebody in the Dagster UI") if confirm is not None else f"campaign {folder.name}",
        approved_at=mailrail.clock.now(),
        road=f"confirm: {confirm}" if confirm is not None else f"approval: automatic, at_most: {definition.at_most}",
    )
    ledger.approve(approval)
    return approval


def _require_unchanged(
    definition: CampaignDefinition, folder: Path, mailrail: Mailrail, ledger: Ledger, send_id: str
) -> tuple[Manifest, Preflight]:
    target = mailrail.send_folder(send_id)
    manifest, preflight = verify_audience(target), load_preflight(target)
    if manifest.audience_hash != preflight.audience_hash:
        ledger.void_approvals(send_id)
        raise GuardError(
            f"{send_id}: the audience was frozen anew after its preflight; materialize the preflight again, then "
            "approve."
        )
    if manifest.definition_hash not in ("", definition_hash(definition)):
        ledger.void_approvals(send_id)
        raise GuardError(
            f"{send_id}: who the audience is for (topic, audience, frequency_cap, holdout or fields) changed in "
            "defs.yaml after it was frozen, so its approvals are void; materialize audience and preflight again, then "
            "approve."
        )
    present = compile_template(folder, shared_templates(folder))
    profile = mailrail.profile(definition.sender)
    if content_hash(present, profile, mailrail.base_url, definition.topic) != preflight.content_hash:
        ledger.void_approvals(send_id)
        raise GuardError(
            f"{send_id}: the template, the sender profile or the base URL changed after the preflight, so its "
            "approvals are void; materialize the preflight again, then approve."
        )
    if load_template(target).content_hash != preflight.template_hash:
        # Two files, so a preflight that was killed between them leaves a newer template beside older figures.
        ledger.void_approvals(send_id)
        raise GuardError(
            f"{send_id}: its last preflight was interrupted, so its approvals are void; materialize the preflight "
            "again, then approve."
        )
    return manifest, preflight


def _require_number(confirm: int, manifest: Manifest) -> None:
    if confirm != manifest.rows:
        raise GuardError(
            f"{manifest.send_id}: {confirm} was confirmed, but the audience has {manifest.rows} recipients; nothing "
            f"was sent. Look at it again: mailrail plan {manifest.campaign}, then confirm {manifest.rows}."
        )


def _require_rule(definition: CampaignDefinition, mailrail: Mailrail, manifest: Manifest) -> None:
    if definition.at_most is None or manifest.rows > definition.at_most:
        raise GuardError(
            f"{manifest.send_id}: its standing rule covers at most {definition.at_most} recipients and the audience "
            f"has {manifest.rows}; a person must approve it: {_roads(manifest)}."
        )
    latest = _scheduled_at(manifest) + timedelta(minutes=definition.late_after_minutes)
    if mailrail.clock.now() > latest:
        raise GuardError(
            f"{manifest.send_id}: its schedule fired more than {definition.late_after_minutes} minutes late (after "
            f"{format_time(latest)}), so a person must approve it: {_roads(manifest)}."
        )


def _require_apart(definition: CampaignDefinition, mailrail: Mailrail, ledger: Ledger, manifest: Manifest) -> None:
    """Refuse a scheduled send beside one that a person has just opened: the same people would get both."""
    since = mailrail.clock.now() - timedelta(minutes=definition.late_after_minutes)
    for send in ledger.sends():
        is_other = send.campaign == manifest.campaign and send.send_id != manifest.send_id
        if is_other and not send.is_rehearsal and send.opened_at > since:
            raise GuardError(
                f"{manifest.send_id}: {send.send_id} of the same campaign was opened at {format_time(send.opened_at)}, "
                f"so its schedule needs a person: {_roads(manifest)}."
            )


def _no_approval(manifest: Manifest) -> str:
    return (
        f"{manifest.send_id}: nobody has approved this audience of {manifest.rows} recipients with this content; "
        f"nothing was sent. To approve: {_roads(manifest)}."
    )


def _roads(manifest: Manifest) -> str:
    return (
        f"run `mailrail send {manifest.campaign} --confirm {manifest.rows}`, or materialize receipts with run config "
        f"`confirm: {manifest.rows}`"
    )


def open_send(definition: CampaignDefinition, folder: Path, mailrail: Mailrail, ledger: Ledger, *, send_id: str) -> int:
    """Hand the send over to the senders and return its number; opening it again changes nothing.

    Raises:
        GuardError: no approval, files that were changed, another audience or content than the open one, or somebody
            who may not be mailed from here.
    """
    target = mailrail.send_folder(send_id)
    manifest = verify_audience(target)
    preflight = load_preflight(target)
    routes = Routes({})
    if ledger.send(send_id) is None:
        _require_allowed(mailrail.allowed_recipients.get(definition.sender, ()), target, manifest)
        routes = _find_routes(target, manifest, mailrail, ledger)
    now = mailrail.clock.now()
    approval = ledger.approval(send_id, manifest.audience_hash, preflight.content_hash)
    is_automatic = approval is not None and approval.road.startswith("approval: automatic")
    begins = _scheduled_at(manifest) if is_automatic else max(_scheduled_at(manifest), now)
    late_after = timedelta(minutes=definition.late_after_minutes)
    return ledger.open_send(
        SendSpec(
            send_id=send_id,
            campaign=folder.name,
            topic=manifest.topic,
            scheduled_at=_scheduled_at(manifest),
            sender=definition.sender,
            folder=target.relative_to(mailrail.home).as_posix(),
            audience_rows=manifest.rows,
            audience_hash=manifest.audience_hash,
            content_hash=preflight.content_hash,
            shards=[_shard(target, shard, routes) for shard in manifest.shards],
            links=[LinkRow(link.link_no, link.url, link.label, link.role) for link in load_template(target).links],
            too_late_after=begins + late_after,
            expires_at=now + timedelta(hours=definition.expire_hours) if definition.expire_hours else None,
            stream=mailrail.profiles[definition.sender].stream,
            per_hour=_per_hour(definition, mailrail, manifest),
            is_rehearsal=definition.sender in mailrail.rehearsing,
            # What was looked at when it was approved may have changed since: `authorise` looks in no transaction.
            alone_since=now - late_after if is_automatic or approval is None else approval.approved_at,
        )
    )


def _per_hour(definition: CampaignDefinition, mailrail: Mailrail, manifest: Manifest) -> int | None:
    """Return how many messages may begin in an hour; None for as many as can.

    Raises:
        GuardError: the send would expire before the last message may begin.
    """
    percent = definition.rollout_percent_per_hour
    if percent is None:
        return None
    if wrong := rollout_fault(definition, definition.expire_hours or mailrail.expire_hours[definition.sender]):
        raise GuardError(f"{manifest.send_id}: {wrong[0]}; {wrong[1]}")
    return math.ceil(manifest.rows * percent / 100)


def _find_routes(folder: Path, manifest: Manifest, mailrail: Mailrail, ledger: Ledger) -> Routes:
    """Find out who receives the mail, and suppress before the first offer whoever's domain takes none (RFC 7505)."""
    resolve = resolve_exchange if mailrail.resolve_mx else None
    routes = audience_routes(folder, manifest, home=mailrail.home, resolve=resolve)
    if routes.refusing:
        events = refused_addresses(folder, manifest.shards, routes, mailrail.clock.now())
        while some := list(itertools.islice(events, _EVENTS_AT_ONCE)):
            ledger.record(some)
    return routes


def _shard(folder: Path, shard: Shard, routes: Routes) -> ShardSpec:
    hashes = functools.partial(address_hashes, folder, shard)
    providers = functools.partial(provider_names, folder, shard, routes)
    return ShardSpec(shard.shard, shard.file, shard.first_seq, shard.last_seq, hashes, providers)


def _scheduled_at(manifest: Manifest) -> datetime:
    scheduled_at: datetime = send_time(split_send_id(manifest.send_id)[1])
    return scheduled_at


def _require_allowed(allowed: tuple[str, ...] | None, folder: Path, manifest: Manifest) -> None:
    """Look at every address once more: the settings may have changed since the audience was frozen."""
    if allowed is None:
        return
    for shard in manifest.shards:
        for row in read_rows(str(folder / shard.file)):
            if not is_allowed(row["address"], allowed):
                raise GuardError(
                    f"{manifest.send_id}: {mask_address(row['address'])} is not on recipient_allow_list and this is "
                    "not production; nothing was sent. Freeze the audience again, or change mailrail.toml."
                )
