-- At most one row: a send's mail as it can be shown; sends of earlier versions have none.
select
    subject,
    html
from marts.rpt_send_specimen
where send_id = $send_id
