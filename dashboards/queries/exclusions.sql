-- One row per reason, the largest first, with its share of the contacts in the segments and how many
-- were left after it.
with counted as (

    select
        exclusions.reason,
        exclusions.contacts,
        metrics.included,
        row_number() over (order by exclusions.contacts desc, exclusions.reason) as place
    from marts.rpt_send_exclusions as exclusions
    inner join marts.rpt_send_metrics as metrics on exclusions.send_id = metrics.send_id
    where exclusions.send_id = $send_id

)

select
    reason,
    contacts,
    contacts / nullif(included, 0) as share,
    cast(included - sum(contacts) over (order by place) as bigint) as remaining
from counted
order by place
