-- One row per stage: how many people reached it, and their share of the stage before.
with stages as (

    select
        unnest(['audience', 'accepted', 'opened', 'clicked', 'bought']) as stage,
        unnest([audience, accepted, unique_opens, unique_clicks, conversions]) as people,
        unnest([1, 2, 3, 4, 5]) as place
    from marts.rpt_send_metrics
    where send_id = $send_id

)

select
    stage,
    people,
    people / nullif(lag(people) over (order by place), 0) as step_rate,
    people / nullif(first_value(people) over (order by place), 0) as share
from stages
order by place
