with contacts as (

    select * from {{ ref('dim_contacts') }}

),

openers as (

    select distinct contact_id
    from {{ ref('fct_email_events') }}
    where
        kind = 'opened'
        and not is_machine
        and contact_id is not null
        and occurred_at > {{ as_of() }} - interval '90' day
        and occurred_at <= {{ as_of() }}

)

select contacts.contact_id
from contacts
left join openers on contacts.contact_id = openers.contact_id
where openers.contact_id is null
