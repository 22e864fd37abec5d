-- One row per mailbox domain, the largest first and "other" last, with rates and a light. Mailbox
-- providers draw the lines for complaints; those for bounces are the industry's.
with rated as (

    select
        *,
        deliveries / nullif(messages, 0) as delivered_share,
        (hard_bounces + soft_bounces) / nullif(messages, 0) as bounce_rate,
        complaints / nullif(deliveries, 0) as complaint_rate,
        unique_opens / nullif(deliveries, 0) as unique_open_rate,
        unique_clicks / nullif(deliveries, 0) as unique_click_rate
    from marts.rpt_send_providers
    where send_id = $send_id

)

select
    mailbox_domain,
    messages,
    accepted,
    deliveries,
    hard_bounces,
    soft_bounces,
    complaints,
    delivered_share,
    bounce_rate,
    complaint_rate,
    unique_open_rate,
    unique_click_rate,
    case
        when messages < $fewest then 'few'
        when bounce_rate > $bounce_act or complaint_rate >= $complaint_act then 'act'
        when bounce_rate > $bounce_watch or complaint_rate >= $complaint_watch then 'watch'
        else 'healthy'
    end as light
from rated
order by mailbox_domain = 'other', messages desc, mailbox_domain
