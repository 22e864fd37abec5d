with contacts as (

    select * from {{ ref('dim_contacts') }}

)

select contact_id
from contacts
where
    created_at > {{ as_of() }} - interval '30' day
    and created_at <= {{ as_of() }}
