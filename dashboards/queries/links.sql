-- One row per link, also those that nobody clicked; the share is of all people's unique clicks.
select
    link_no,
    coalesce(nullif(label, ''), 'link ' || link_no) as label,
    url,
    role,
    clicks,
    unique_clicks,
    machine_clicks,
    share,
    of_largest
from marts.rpt_send_links
where send_id = $send_id
order by unique_clicks desc, link_no
