with events as (

    select * from {{ ref('fct_email_events') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

clicks as (

    select
        message_key,
        contact_id,
        occurred_at,
        min(occurred_at) over (partition by message_key) as first_clicked_at
    from events
    where
        kind = 'clicked'
        and not is_machine
        and message_key is not null
        and contact_id is not null

),

-- An order belongs to one message: the one clicked last before it, among those
-- whose first click is no older than the window.
attributed as (

    select
        orders.order_key,
        orders.amount,
        orders.ordered_at,
        clicks.message_key
    from orders
    inner join clicks
        on
            orders.contact_id = clicks.contact_id
            and orders.ordered_at >= clicks.occurred_at
            and orders.ordered_at
            <= clicks.first_clicked_at + interval '{{ var("attribution_days") }}' day
    qualify
        row_number() over (
            partition by orders.order_key
            order by clicks.occurred_at desc, clicks.message_key desc
        ) = 1

),

by_message as (

    select
        message_key,
        count(*) as orders,
        sum(amount) as revenue,
        min(ordered_at) as first_ordered_at
    from attributed
    group by message_key

)

select * from by_message
