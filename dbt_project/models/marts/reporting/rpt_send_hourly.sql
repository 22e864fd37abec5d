with events as (

    select * from {{ ref('fct_email_events') }}

),

messages as (

    select * from {{ ref('fct_messages') }}

),

happened as (

    select
        send_id,
        kind,
        is_machine,
        cast(date_trunc('hour', occurred_at) as timestamp) as hour
    from events
    where send_id is not null

    union all

    select
        send_id,
        'accepted' as kind,
        false as is_machine,
        cast(date_trunc('hour', sent_at) as timestamp) as hour
    from messages
    where was_accepted and send_id is not null and sent_at is not null

),

hourly as (

    select
        send_id,
        hour,
        count(*) filter (where kind = 'opened' and not is_machine) as opens,
        count(*) filter (where kind = 'opened' and is_machine) as machine_opens,
        count(*) filter (where kind = 'clicked' and not is_machine) as clicks,
        count(*) filter (where kind = 'clicked' and is_machine) as machine_clicks,
        count(*) filter (where kind = 'unsubscribed') as unsubscribes,
        count(*) filter (where kind = 'accepted') as accepted
    from happened
    where kind in ('opened', 'clicked', 'unsubscribed', 'accepted')
    group by send_id, hour

)

select * from hourly
