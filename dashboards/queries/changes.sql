-- The difference of each rate to the send before, whatever its campaign; no row for the first send.
select
    before_send_id as send_id,
    before_campaign as campaign,
    before_scheduled_at as scheduled_at,
    delivery_rate,
    bounce_rate,
    unique_open_rate,
    unique_click_rate,
    click_to_open_rate,
    complaint_rate,
    unsubscribe_rate,
    conversion_rate,
    revenue_per_delivery
from marts.rpt_send_changes
where rpt_send_changes.send_id = $send_id
