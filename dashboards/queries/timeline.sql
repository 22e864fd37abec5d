-- What happened with one contact, oldest first. Every branch asks for the contact itself, so that none reads more
-- of a large mart than its rows. code, subject and note are worded by the caller.
with messages as (
    select
        fct_messages.message_key,
        fct_messages.send_id,
        fct_messages.campaign,
        fct_messages.state,
        fct_messages.code,
        fct_messages.reply,
        fct_messages.orders,
        fct_messages.first_clicked_at,
        fct_messages.first_ordered_at,
        coalesce(
            fct_messages.sent_at, fct_messages.first_attempted_at, fct_sends.opened_at, fct_sends.scheduled_at
        ) as happened_at
    from marts.fct_messages
    left join marts.fct_sends on fct_messages.send_no = fct_sends.send_no
    where fct_messages.contact_id = $contact_id
),

events as (
    select
        message_key,
        send_no,
        send_id,
        campaign,
        kind,
        scope,
        link_no,
        url,
        method,
        failure,
        code,
        detail,
        is_machine,
        machine_rule,
        occurred_at
    from marts.fct_email_events
    where contact_id = $contact_id
),

orders as (
    select
        order_key,
        order_id,
        quantity,
        currency,
        amount,
        ordered_at
    from marts.fct_orders
    where contact_id = $contact_id
),

-- Which message an order belongs to, by what the marts count: the last one clicked before it, and no more orders
-- than that message's own number.
candidates as (
    select
        orders.order_key,
        orders.ordered_at,
        messages.message_key,
        messages.send_id,
        messages.campaign,
        messages.orders as most
    from orders
    inner join messages
        on orders.ordered_at >= messages.first_ordered_at and orders.ordered_at >= messages.first_clicked_at
    inner join events
        on
            messages.message_key = events.message_key
            and events.kind = 'clicked'
            and not events.is_machine
            and orders.ordered_at >= events.occurred_at
    where messages.orders > 0
    qualify
        row_number() over (
            partition by orders.order_key order by events.occurred_at desc, messages.message_key desc
        ) = 1
),

attributed as (
    select
        order_key,
        send_id,
        campaign
    from candidates
    qualify row_number() over (partition by message_key order by ordered_at, order_key) <= most
),

happenings as (
    select
        happened_at,
        1 as place,
        'message' as kind,
        state as code,
        campaign as subject,
        concat_ws(' ', nullif(code, ''), nullif(reply, '')) as note,
        campaign,
        send_id,
        false as is_machine,
        cast(null as double) as amount
    from messages

    union all

    select
        events.occurred_at,
        3,
        events.kind,
        case events.kind when 'bounced' then events.failure else events.machine_rule end,
        case events.kind
            when 'clicked' then coalesce(nullif(dim_links.label, ''), 'link ' || events.link_no)
            else events.scope
        end,
        case events.kind
            when 'clicked' then coalesce(nullif(events.url, ''), dim_links.url)
            when 'unsubscribed' then events.method
            else concat_ws(' ', nullif(events.code, ''), nullif(events.detail, ''))
        end,
        events.campaign,
        events.send_id,
        events.is_machine,
        null
    from events
    left join marts.dim_links on events.send_no = dim_links.send_no and events.link_no = dim_links.link_no
    where events.kind <> 'suppressed'

    union all

    select
        changed_at,
        2,
        'subscription',
        change,
        scope,
        source,
        null,
        send_id,
        false,
        null
    from marts.fct_subscription_changes
    where contact_id = $contact_id and (source <> 'mail' or change = 'imported')

    union all

    select
        coalesce(fct_sends.opened_at, fct_sends.scheduled_at),
        1,
        'exclusion',
        fct_exclusions.reason,
        fct_exclusions.campaign,
        fct_exclusions.detail,
        fct_exclusions.campaign,
        fct_exclusions.send_id,
        false,
        null
    from marts.fct_exclusions
    left join marts.fct_sends on fct_exclusions.send_no = fct_sends.send_no
    where fct_exclusions.contact_id = $contact_id

    union all

    select
        orders.ordered_at,
        4,
        'order',
        orders.currency,
        orders.order_id,
        cast(orders.quantity as varchar),
        attributed.campaign,
        attributed.send_id,
        false,
        orders.amount
    from orders
    left join attributed on orders.order_key = attributed.order_key
)

select
    happened_at as at,
    kind,
    code,
    subject,
    note,
    campaign,
    send_id,
    is_machine,
    amount
from happenings
order by happened_at, place, kind, subject, note
