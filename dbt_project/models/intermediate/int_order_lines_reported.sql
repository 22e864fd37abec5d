with reported as (

    select * from {{ ref('int_events_reported') }}

),

orders as (

    select
        inbound_id,
        contact_id,
        email,
        {{ json_text('properties', 'order_id') }} as order_id,
        {{ json_text('properties', 'currency') }} as currency,
        {{ json_number('properties', 'total') }} as amount,
        {{ json_part('properties', 'lines') }} as order_lines,
        occurred_at as ordered_at,
        received_at as loaded_at
    from reported
    where name = 'order_completed'

),

-- Posted again under another id, an order is corrected.
newest as (

    select *
    from orders
    where order_id is not null
    qualify
        row_number() over (
            partition by order_id order by ordered_at desc, inbound_id desc
        ) = 1

),

places as (

    select cast(series.generated_number as integer) as place
    from ({{ dbt.default__generate_series(512) }}) as series

),

elements as (

    select
        newest.order_id,
        places.place as line_no,
        {{ valid_json(json_element('newest.order_lines', 'places.place - 1')) }} as element
    from newest
    inner join places on places.place <= coalesce(json_array_length(newest.order_lines), 0)

),

named as (

    select
        order_id,
        line_no,
        {{ json_text('element', 'product_id') }} as product_id,
        cast(coalesce({{ json_number('element', 'quantity') }}, 1) as integer) as quantity,
        {{ json_number('element', 'amount') }} as amount
    from elements

),

added_up as (

    select
        order_id,
        sum(amount) as amount
    from named
    group by order_id

),

-- What was paid beside the lines, such as shipping or a discount, or all of it
-- where the order was posted without lines.
rest as (

    select
        newest.order_id,
        0 as line_no,
        cast(null as {{ dbt.type_string() }}) as product_id,
        case when added_up.order_id is null then 1 else 0 end as quantity,
        round(newest.amount - coalesce(added_up.amount, 0), 2) as amount
    from newest
    left join added_up on newest.order_id = added_up.order_id
    where
        added_up.order_id is null
        or abs(newest.amount - coalesce(added_up.amount, 0)) >= 0.005

),

lines as (

    select * from named

    union all

    select * from rest

),

final as (

    select
        'api' as source,
        lines.order_id,
        lines.line_no,
        newest.contact_id,
        newest.email,
        lines.product_id,
        newest.currency,
        lines.quantity,
        lines.amount,
        newest.ordered_at,
        newest.loaded_at
    from lines
    inner join newest on lines.order_id = newest.order_id

)

select * from final
