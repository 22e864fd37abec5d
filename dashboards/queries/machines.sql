-- What was not counted as a person, by the rule that told, with one example of the client's own words.
select
    rule,
    opens,
    clicks,
    messages,
    user_agent
from marts.rpt_send_machines
where send_id = $send_id
order by place
