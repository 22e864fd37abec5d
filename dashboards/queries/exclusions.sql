-- One row per reason, the largest first, with its share of the contacts in the segments and how many
-- were left after it.
select
    reason,
    contacts,
    share,
    remaining
from marts.rpt_send_exclusions
where send_id = $send_id
order by place
