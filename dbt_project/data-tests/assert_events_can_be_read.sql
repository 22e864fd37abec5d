-- What came in and cannot be read stays in raw, counts for nothing, and is listed here.
{{ config(severity='warn') }}

with judged as (

    select
        event_id,
        inbound_id,
        kind,
        received_at,
        case
            when has_unreadable_body then 'its body is no JSON'
            when
                kind in (
                    'opened', 'clicked', 'viewed', 'unsubscribed', 'bounced', 'soft_bounced',
                    'complained', 'delivered', 'suppressed', 'signed_up'
                )
                then null
            when kind not in ('subscribed', 'preferred', 'reported', 'upserted')
                then 'its kind is not known'
            when contact_id is null then 'it names nobody'
            when
                kind in ('subscribed', 'upserted')
                and {{ json_text('body', 'email') }} is null
                then 'it has no address'
            when
                kind in ('preferred', 'reported')
                and {{ json_text('body', 'name') }} is null
                then 'it has no name'
            when
                {{ json_text('body', 'name') }} = 'order_completed'
                and {{ json_text('body', 'properties.order_id') }} is null
                then 'the order has no order_id'
        end as reason
    from {{ ref('stg_mail__inbound') }}

)

select * from judged
where reason is not null
