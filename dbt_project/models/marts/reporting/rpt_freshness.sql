with sends as (

    select * from {{ ref('rpt_send_metrics') }}

),

growth as (

    select * from {{ ref('rpt_list_growth') }}

),

events as (

    select
        max(coalesce(received_at, occurred_at)) as newest_event_at,
        count(*) as events
    from {{ ref('fct_email_events') }}

),

orders as (

    select
        max(ordered_at) as newest_order_at,
        count(*) as orders
    from {{ ref('fct_orders') }}

),

contacts as (

    select
        max(updated_at) as newest_contact_at,
        count(*) as contacts
    from {{ ref('dim_contacts') }}

),

sent as (

    select
        max(scheduled_at) as newest_send_at,
        count(distinct campaign) as campaigns,
        count(*) as campaign_sends,
        cast(coalesce(sum(messages), 0) as bigint) as messages
    from sends

),

listed as (

    select coalesce(max_by(mailable, day), 0) as mailable
    from growth

),

final as (

    select
        {{ as_of() }} as as_of,
        contacts.newest_contact_at,
        orders.newest_order_at,
        sent.newest_send_at,
        events.newest_event_at,
        contacts.contacts,
        listed.mailable,
        orders.orders,
        sent.campaigns,
        sent.campaign_sends,
        sent.messages,
        events.events
    from contacts
    cross join listed
    cross join orders
    cross join sent
    cross join events

)

select * from final
