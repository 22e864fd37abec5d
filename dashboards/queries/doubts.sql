-- Messages whose fate is not known: the connection broke between the end mark and the reply.
select
    seq,
    contact_id,
    mailbox_domain,
    tries,
    first_attempted_at,
    signs_of_arrival
from marts.rpt_send_doubts
where send_id = $send_id
order by seq
