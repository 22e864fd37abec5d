-- The commonest reasons a relay gave for messages that were not accepted, one example reply each.
select
    state,
    coalesce(nullif(enhanced_code, ''), nullif(code, ''), '') as code,
    count(*) as messages,
    min(coalesce(reply, '')) as reply
from marts.fct_messages
where send_id = $send_id and state in ('refused', 'expired', 'deferred')
group by all
order by messages desc, state, code
limit 8
