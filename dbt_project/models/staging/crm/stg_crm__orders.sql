with source as (

    select * from {{ source('crm', 'orders') }}

),

renamed as (

    select
        load_id,
        source,
        order_id,
        nullif(trim(customer_key), '') as customer_key,
        nullif(contact_id, '') as contact_id,
        email,
        nullif(trim(product_id), '') as product_id,
        nullif(trim(currency), '') as currency,
        line,
        coalesce(line_no, 1) as line_no,
        quantity,
        amount,
        ordered_at,
        loaded_at
    from source
    where order_id is not null

)

select * from renamed
