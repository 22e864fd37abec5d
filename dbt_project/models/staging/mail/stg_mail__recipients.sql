with source as (

    select * from {{ source('mail', 'recipients') }}

),

renamed as (

    select
        message_key,
        send_no,
        seq,
        contact_id,
        coalesce(lower(mailbox_domain), 'unknown') as mailbox_domain,
        coalesce(variant, '') as variant,
        tracking as is_tracked
    from source

)

select * from renamed
