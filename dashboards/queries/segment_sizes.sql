-- One row per day on which the segment was built, the oldest first.
select
    day,
    contacts,
    change,
    share,
    all_contacts,
    as_of
from marts.rpt_segment_sizes
where segment = $segment
order by day
