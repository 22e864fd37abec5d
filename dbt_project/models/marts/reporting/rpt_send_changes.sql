with metrics as (

    select * from {{ ref('rpt_send_metrics') }}

),

-- The sends that delivered anything, in the order of their due times; each send
-- is compared to the last of them before it, whatever its campaign.
placed as (

    select
        *,
        sum(case when deliveries > 0 then 1 else 0 end) over (
            order by scheduled_at asc nulls first, send_no asc
            rows between unbounded preceding and current row
        ) as place
    from metrics

),

paired as (

    select
        send_id,
        {% for name in send_ratios() %}
            {{ name }},
        {% endfor %}
        case when deliveries > 0 then place - 1 else place end as place_before
    from placed

),

changes as (

    select
        paired.send_id,
        {% for name in send_ratios() %}
            round(paired.{{ name }} - before.{{ name }}, 6) as {{ name }},
        {% endfor %}
        before.send_id as before_send_id,
        before.campaign as before_campaign,
        before.scheduled_at as before_scheduled_at
    from paired
    inner join placed as before
        on paired.place_before = before.place and before.deliveries > 0

)

select * from changes
