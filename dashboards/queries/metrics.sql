-- One row per send: the numbers of `mailrail metrics`. All sends, or the one named.
select
    send_id,
    campaign,
    topic,
    state,
    strftime(scheduled_at, '%Y-%m-%dT%H:%M:%SZ') as scheduled_at,
    audience,
    messages,
    accepted,
    refused,
    suppressed,
    expired,
    cancelled,
    in_doubt,
    sends,
    deliveries,
    hard_bounces,
    soft_bounces,
    complaints,
    unsubscribes,
    opens,
    unique_opens,
    machine_opens,
    clicks,
    unique_clicks,
    machine_clicks,
    conversions,
    orders,
    revenue
from marts.rpt_send_metrics
where $send_id is null or send_id = $send_id
order by rpt_send_metrics.scheduled_at, send_no
