with contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

loaded as (

    select
        contact_id,
        min(loaded_at) as first_loaded_at
    from contacts
    group by contact_id

)

select * from loaded
