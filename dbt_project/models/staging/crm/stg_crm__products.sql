with source as (

    select * from {{ source('crm', 'products') }}

),

renamed as (

    select
        load_id,
        source,
        product_id,
        nullif(trim(name), '') as name,
        nullif(trim(category), '') as category,
        nullif(trim(url), '') as url,
        nullif(trim(image_url), '') as image_url,
        line,
        price,
        loaded_at
    from source
    where product_id is not null

)

select * from renamed
