-- One row per campaign, topic and state that sends have: what a filter can offer.
select distinct
    campaign,
    topic,
    state
from marts.rpt_send_metrics
order by campaign, topic, state
