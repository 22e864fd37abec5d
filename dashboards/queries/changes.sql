-- The difference of each rate to the send before, whatever its campaign; no row for the first send.
with this as (

    select * from marts.rpt_send_metrics
    where send_id = $send_id

)

select
    before.send_id,
    before.campaign,
    before.scheduled_at,
    this.delivery_rate - before.delivery_rate as delivery_rate,
    this.unique_open_rate - before.unique_open_rate as unique_open_rate,
    this.unique_click_rate - before.unique_click_rate as unique_click_rate,
    this.click_to_open_rate - before.click_to_open_rate as click_to_open_rate,
    this.unsubscribe_rate - before.unsubscribe_rate as unsubscribe_rate,
    this.revenue_per_delivery - before.revenue_per_delivery as revenue_per_delivery
from this
inner join marts.rpt_send_metrics as before
    on (before.scheduled_at, before.send_no) < (this.scheduled_at, this.send_no)
where before.deliveries > 0
order by before.scheduled_at desc, before.send_no desc
limit 1
