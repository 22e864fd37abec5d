-- What was not counted as a person, by the rule that told, with one example of the client's own words.
select
    machine_rule as rule,
    count(*) filter (where kind = 'opened') as opens,
    count(*) filter (where kind = 'clicked') as clicks,
    count(distinct message_key) as messages,
    min(user_agent) as user_agent
from marts.fct_email_events
where send_id = $send_id and is_machine and kind in ('opened', 'clicked')
group by machine_rule
order by count(*) desc, rule
