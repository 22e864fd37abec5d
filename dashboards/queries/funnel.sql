-- One row per stage: how many people reached it, and their share of the stage before.
select
    stage,
    people,
    step_rate,
    share
from marts.rpt_send_funnel
where send_id = $send_id
order by place
