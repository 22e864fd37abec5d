with events as (

    select * from {{ ref('fct_email_events') }}

),

consents as (

    select * from {{ ref('int_consents_stated') }}

),

withdrawn as (

    select
        contact_id,
        case kind when 'suppressed' then 'imported' else kind end as change,
        scope,
        'mail' as source,
        coalesce(received_at, occurred_at) as changed_at,
        event_id,
        send_id
    from events
    where
        contact_id is not null
        and (
            kind in ('unsubscribed', 'soft_bounced', 'complained', 'suppressed')
            or (kind = 'bounced' and failure = 'permanent')
        )

),

stated as (

    select distinct
        contact_id,
        'consent_' || consent as change,
        topic as scope,
        source,
        stated_at as changed_at,
        event_id,
        cast(null as {{ dbt.type_string() }}) as send_id
    from consents

),

changes as (

    select * from withdrawn

    union all

    select * from stated

)

select * from changes
