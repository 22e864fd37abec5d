with source as (

    select * from {{ source('mail', 'links') }}

),

renamed as (

    select
        send_no,
        link_no,
        url,
        nullif(trim(label), '') as label,
        coalesce(role, 'content') as role
    from source

)

select * from renamed
