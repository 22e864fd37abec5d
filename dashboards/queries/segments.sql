-- One row per segment, the largest first, with its size at its last build and the change to the size before.
with latest as (

    select * from marts.rpt_segment_sizes
    qualify row_number() over (partition by segment order by day desc) = 1

)

select
    segments.segment as name,
    segments.title,
    segments.description,
    segments.path,
    segments.reads,
    segments.sql,
    latest.contacts,
    latest.share,
    latest.change,
    latest.day,
    latest.as_of
from marts.dim_segments as segments
left join latest on segments.segment = latest.segment
order by latest.contacts desc nulls last, segments.segment
