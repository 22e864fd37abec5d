with contacts as (

    select * from {{ ref('dim_contacts') }}

)

select contact_id from contacts
