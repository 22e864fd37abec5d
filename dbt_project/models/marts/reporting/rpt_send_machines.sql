with events as (

    select * from {{ ref('fct_email_events') }}

),

counted as (

    select
        send_id,
        machine_rule as rule,
        count(*) filter (where kind = 'opened') as opens,
        count(*) filter (where kind = 'clicked') as clicks,
        count(distinct message_key) as messages,
        min(user_agent) as user_agent
    from events
    where send_id is not null and is_machine and kind in ('opened', 'clicked')
    group by send_id, machine_rule

),

placed as (

    select
        send_id,
        rule,
        row_number() over (partition by send_id order by opens + clicks desc, rule asc) as place,
        opens,
        clicks,
        messages,
        user_agent
    from counted

)

select * from placed
