with order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

orders as (

    select
        order_key,
        min(source) as source,
        min(order_id) as order_id,
        min(contact_id) as contact_id,
        min(currency) as currency,
        count(*) as lines,
        cast(sum(quantity) as bigint) as quantity,
        round(sum(amount), 2) as amount,
        min(ordered_at) as ordered_at
    from order_lines
    group by order_key

)

select * from orders
