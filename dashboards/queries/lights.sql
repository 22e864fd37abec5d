-- One row: the lines where the light of a mailbox provider changes.
select
    fewest,
    bounce_watch,
    bounce_act,
    complaint_watch,
    complaint_act
from marts.rpt_provider_lights
