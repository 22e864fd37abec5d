-- One contact as the marts know it now; no row where they do not.
select
    contact_id,
    email,
    left(email, 1) || '•••@' || mailbox_domain as masked,
    mailbox_domain,
    first_name,
    last_name,
    city,
    country,
    locale,
    consent,
    consent_basis,
    consent_at,
    tracking_consent,
    first_source,
    sources,
    created_at,
    updated_at,
    orders,
    total_spent,
    first_ordered_at,
    last_ordered_at,
    last_product_name
from marts.dim_contacts
where contact_id = $contact_id
