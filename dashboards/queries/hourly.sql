-- One row per hour from the first to the last thing that happened, empty hours included; per day where
-- that is more than two weeks.
select
    starts_at as start,
    ends_at as ends,
    bucket,
    accepted,
    opens,
    machine_opens,
    all_opens,
    clicks,
    machine_clicks,
    unsubscribes
from marts.rpt_send_engagement
where send_id = $send_id
order by starts_at
