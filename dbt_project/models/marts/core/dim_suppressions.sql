with events as (

    select * from {{ ref('fct_email_events') }}

),

consents as (

    select * from {{ ref('int_consents_stated') }}

),

suppressing as (

    select
        contact_id,
        scope,
        kind,
        case kind when 'suppressed' then 'imported' else kind end as reason,
        coalesce(received_at, occurred_at) as suppressed_at,
        occurred_at,
        event_id,
        inbound_id
    from events
    where
        contact_id is not null
        and (
            kind in ('unsubscribed', 'soft_bounced', 'complained', 'suppressed')
            or (kind = 'bounced' and failure = 'permanent')
        )

),

-- Taken back by the person: only an unsubscribe, only by a confirmed consent to
-- the same, and only by one that happened and was recorded later. What was said
-- anew after an unsubscribe from everything stands in fct_consents.
lifted as (

    select distinct suppressing.event_id
    from suppressing
    inner join consents
        on
            suppressing.contact_id = consents.contact_id
            and suppressing.scope = consents.topic
            and suppressing.inbound_id < consents.inbound_id
            and suppressing.occurred_at <= consents.stated_at
    where suppressing.kind = 'unsubscribed' and consents.is_confirmed

),

earliest as (

    select
        suppressing.contact_id,
        suppressing.scope,
        suppressing.reason,
        suppressing.suppressed_at,
        suppressing.event_id,
        max(case when suppressing.kind = 'unsubscribed' then 0 else 1 end) over (
            partition by suppressing.contact_id, suppressing.scope
        ) = 1 as is_firm
    from suppressing
    left join lifted on suppressing.event_id = lifted.event_id
    where lifted.event_id is null
    qualify
        row_number() over (
            partition by suppressing.contact_id, suppressing.scope
            order by suppressing.suppressed_at, suppressing.inbound_id
        ) = 1

)

select * from earliest
