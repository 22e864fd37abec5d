-- Messages whose fate is not known: the connection broke between the end mark and the reply.
select
    seq,
    contact_id,
    mailbox_domain,
    tries,
    first_attempted_at,
    opens + clicks + machine_opens + machine_clicks as signs_of_arrival
from marts.fct_messages
where send_id = $send_id and state = 'in_doubt'
order by seq
limit 200
