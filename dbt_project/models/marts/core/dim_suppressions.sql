with events as (

    select * from {{ ref('fct_email_events') }}

),

suppressing as (

    select
        contact_id,
        scope,
        case kind when 'suppressed' then 'imported' else kind end as reason,
        coalesce(received_at, occurred_at) as suppressed_at,
        event_id,
        inbound_id
    from events
    where
        contact_id is not null
        and (
            kind in ('unsubscribed', 'complained', 'suppressed')
            or (kind = 'bounced' and failure = 'permanent')
        )

),

earliest as (

    select
        contact_id,
        scope,
        reason,
        suppressed_at,
        event_id
    from suppressing
    qualify
        row_number() over (
            partition by contact_id, scope order by suppressed_at, inbound_id
        ) = 1

)

select * from earliest
