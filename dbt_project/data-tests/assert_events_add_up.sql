-- Human and machine events of each send are, together, all that came in.
with came_in as (

    select
        recipients.send_no,
        count(distinct case when inbound.kind = 'opened' then inbound.event_id end) as opens,
        count(distinct case when inbound.kind = 'clicked' then inbound.event_id end) as clicks
    from {{ ref('stg_mail__inbound') }} as inbound
    inner join {{ ref('stg_mail__recipients') }} as recipients
        on inbound.message_key = recipients.message_key
    group by recipients.send_no

)

select
    metrics.send_id,
    came_in.opens,
    came_in.clicks
from {{ ref('rpt_send_metrics') }} as metrics
inner join came_in on metrics.send_no = came_in.send_no
where
    metrics.opens + metrics.machine_opens != came_in.opens
    or metrics.clicks + metrics.machine_clicks != came_in.clicks
