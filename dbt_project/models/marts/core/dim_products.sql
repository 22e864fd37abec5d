with products as (

    select * from {{ ref('stg_crm__products') }}

),

latest as (

    select
        product_id,
        name,
        category,
        price,
        url,
        image_url
    from products
    qualify
        row_number() over (
            partition by product_id
            order by loaded_at desc, load_id desc, source asc, line desc
        ) = 1

)

select * from latest
