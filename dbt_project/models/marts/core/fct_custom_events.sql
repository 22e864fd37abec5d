{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='event_id',
        on_schema_change='append_new_columns'
    )
}}

with reported as (

    select * from {{ ref('int_events_reported') }}

),

final as (

    select
        event_id,
        inbound_id,
        contact_id,
        name,
        properties,
        api_key,
        occurred_at,
        received_at
    from reported
    {% if is_incremental() %}
        where inbound_id > (select coalesce(max(inbound_id), 0) from {{ this }})
    {% endif %}

)

select * from final
