-- What one contact said yes or no to, newest first, with what ended it; an empty topic stands for everything.
select
    topic,
    consent,
    coalesce(basis, '') as basis,
    source,
    is_confirmed,
    stated_at,
    expires_at,
    voided_at
from marts.fct_consents
where contact_id = $contact_id
order by stated_at desc nulls last, topic, consent, source
