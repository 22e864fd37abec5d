with recipients as (

    select * from {{ ref('stg_mail__recipients') }}

),

messages as (

    select * from {{ ref('stg_mail__messages') }}

),

attempts as (

    select * from {{ ref('stg_mail__attempts') }}

),

events as (

    select * from {{ ref('fct_email_events') }}

),

attempted as (

    select
        message_key,
        count(*) as attempts,
        count(*) filter (where state = 'deferred') as deferrals,
        count(*) filter (where failure_class != 'local') as offers,
        min(attempted_at) as first_attempted_at,
        min(attempted_at) filter (where state = 'accepted') as sent_at,
        max_by(relay, attempt_id) as relay,
        max_by(code, attempt_id) filter (where code is not null) as code,
        max_by(enhanced_code, attempt_id) filter (where enhanced_code is not null) as enhanced_code,
        max_by(reply, attempt_id) filter (where reply is not null) as reply,
        max_by(failure_class, attempt_id) as failure_class
    from attempts
    group by message_key

),

bounced as (

    select
        message_key,
        max(case when failure = 'permanent' then 1 else 0 end) as permanent_notices
    from events
    where kind = 'bounced' and message_key is not null
    group by message_key

),

concluded as (

    select
        recipients.message_key,
        recipients.send_no,
        recipients.seq,
        recipients.contact_id,
        recipients.mailbox_domain,
        recipients.variant,
        recipients.is_tracked,
        coalesce(messages.state, 'queued') as state,
        coalesce(messages.tries, 0) as tries,
        coalesce(attempted.deferrals, 0) as deferrals,
        attempted.first_attempted_at,
        attempted.relay,
        attempted.code,
        attempted.enhanced_code,
        attempted.reply,
        attempted.failure_class,
        case
            when messages.state = 'accepted'
                then coalesce(attempted.sent_at, messages.changed_at)
        end as sent_at,
        coalesce(attempted.offers, 0) > 0
        or coalesce(messages.state, 'queued') in ('offered', 'accepted', 'in_doubt') as was_sent,
        coalesce(messages.state, 'queued') = 'accepted' as was_accepted,
        coalesce(bounced.permanent_notices, 0) > 0
        or (
            coalesce(messages.state, 'queued') = 'refused'
            and coalesce(attempted.failure_class, '') = 'address'
        ) as was_hard_bounced,
        coalesce(messages.state, 'queued') = 'expired'
        or (
            coalesce(messages.state, 'queued') = 'refused'
            and coalesce(attempted.failure_class, '') not in ('address', 'local')
        )
        or bounced.permanent_notices = 0 as has_soft_failure
    from recipients
    left join messages on recipients.message_key = messages.message_key
    left join attempted on recipients.message_key = attempted.message_key
    left join bounced on recipients.message_key = bounced.message_key

),

-- A message is counted once: a permanent failure hides a passing one.
classed as (

    select
        *,
        coalesce(has_soft_failure, false) and not was_hard_bounced as was_soft_bounced
    from concluded

)

select * from classed
