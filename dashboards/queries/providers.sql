-- One row per mailbox domain, the largest first and "other" last, with rates and a light.
select
    mailbox_domain,
    messages,
    sends,
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
    light
from marts.rpt_send_providers
where send_id = $send_id
order by place, mailbox_domain
