-- One row per contact named, with the address masked.
select
    contact_id,
    left(email, 1) || '•••@' || mailbox_domain as email,
    city,
    country,
    consent,
    created_at,
    orders,
    total_spent
from marts.dim_contacts
where contact_id in (select unnest($contact_ids))
order by contact_id
