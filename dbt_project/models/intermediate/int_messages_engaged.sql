with events as (

    select * from {{ ref('fct_email_events') }}

),

engaged as (

    select
        message_key,
        count(*) filter (where kind = 'opened' and not is_machine) as opens,
        count(*) filter (where kind = 'opened' and is_machine) as machine_opens,
        count(*) filter (where kind = 'clicked' and not is_machine) as clicks,
        count(*) filter (where kind = 'clicked' and is_machine) as machine_clicks,
        count(*) filter (where kind = 'viewed' and not is_machine) as views,
        count(*) filter (where kind = 'unsubscribed') as unsubscribes,
        count(*) filter (where kind = 'complained') as complaints,
        min(occurred_at) filter (where kind = 'opened' and not is_machine) as first_opened_at,
        min(occurred_at) filter (where kind = 'clicked' and not is_machine) as first_clicked_at,
        min(occurred_at) filter (where kind = 'unsubscribed') as unsubscribed_at,
        min(occurred_at) filter (where kind = 'complained') as complained_at
    from events
    where message_key is not null
    group by message_key

)

select * from engaged
