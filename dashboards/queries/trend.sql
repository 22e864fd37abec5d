-- The rates of this send and of up to nine before it, oldest first.
with this as (

    select
        scheduled_at,
        send_no
    from marts.rpt_send_metrics
    where send_id = $send_id

),

latest as (

    select sends.*
    from marts.rpt_send_metrics as sends
    inner join this
        on (sends.scheduled_at, sends.send_no) <= (this.scheduled_at, this.send_no)
    where sends.deliveries > 0
    order by sends.scheduled_at desc, sends.send_no desc
    limit 10

)

select
    send_id,
    delivery_rate,
    unique_open_rate,
    unique_click_rate,
    click_to_open_rate,
    unsubscribe_rate,
    revenue_per_delivery
from latest
order by scheduled_at, send_no
