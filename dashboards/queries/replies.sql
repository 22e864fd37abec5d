-- The commonest reasons a relay gave for messages that were not accepted, one example reply each.
select
    state,
    code,
    messages,
    reply
from marts.rpt_send_replies
where send_id = $send_id
order by place
limit 8
