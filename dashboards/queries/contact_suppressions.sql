-- Why one contact may not be mailed, by topic; an empty scope stands for everything.
select
    scope,
    reason,
    suppressed_at
from marts.dim_suppressions
where contact_id = $contact_id
order by suppressed_at, scope
