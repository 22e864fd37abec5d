with source as (

    select * from {{ source('mail', 'messages') }}

),

renamed as (

    select
        message_key,
        send_no,
        seq,
        state,
        tries,
        changed_at
    from source

)

select * from renamed
