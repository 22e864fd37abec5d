with orders as (

    select * from {{ ref('stg_crm__orders') }}

),

contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

latest as (

    select *
    from orders
    qualify
        row_number() over (
            partition by source, order_id, line_no
            order by loaded_at desc, load_id desc, line desc
        ) = 1

),

keys_of_source as (

    select
        source,
        source_key,
        contact_id
    from contacts
    where source_key is not null
    qualify
        row_number() over (
            partition by source, source_key
            order by loaded_at desc, updated_at desc nulls last, load_id desc, line desc
        ) = 1

),

keys_of_any_source as (

    select
        source_key,
        contact_id
    from contacts
    where source_key is not null
    qualify
        row_number() over (
            partition by source_key
            order by
                source_rank asc nulls last,
                loaded_at desc,
                updated_at desc nulls last,
                load_id desc,
                source asc,
                line desc
        ) = 1

),

resolved as (

    select
        latest.source,
        latest.order_id,
        latest.line_no,
        coalesce(
            latest.contact_id,
            keys_of_source.contact_id,
            keys_of_any_source.contact_id
        ) as contact_id,
        latest.product_id,
        latest.currency,
        latest.quantity,
        latest.amount,
        latest.ordered_at
    from latest
    left join keys_of_source
        on
            latest.source = keys_of_source.source
            and latest.customer_key = keys_of_source.source_key
    left join keys_of_any_source
        on latest.customer_key = keys_of_any_source.source_key

)

select * from resolved
