with order_lines as (

    select * from {{ ref('int_order_lines_resolved') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

named as (

    select
        order_lines.source || '/' || order_lines.order_id
        || '/' || cast(order_lines.line_no as {{ dbt.type_string() }}) as order_line_key,
        order_lines.source || '/' || order_lines.order_id as order_key,
        order_lines.source,
        order_lines.order_id,
        order_lines.line_no,
        order_lines.contact_id,
        order_lines.product_id,
        products.name as product_name,
        products.category,
        order_lines.currency,
        order_lines.quantity,
        order_lines.amount,
        order_lines.ordered_at
    from order_lines
    left join products on order_lines.product_id = products.product_id

)

select * from named
