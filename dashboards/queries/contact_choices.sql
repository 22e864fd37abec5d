-- What one contact chose last, by name.
select
    name,
    value,
    preferred_at
from marts.dim_preferences
where contact_id = $contact_id
order by name
