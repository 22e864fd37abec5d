with source as (

    select * from {{ source('mail', 'specimens') }}

),

renamed as (

    select
        send_no,
        subject,
        html
    from source

)

select * from renamed
