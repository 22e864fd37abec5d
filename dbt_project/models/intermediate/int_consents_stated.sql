with contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

inbound as (

    select * from {{ ref('stg_mail__inbound') }}

),

dated as (

    select
        contact_id,
        consent,
        consent_basis as basis,
        source,
        source_key,
        source_rank,
        consent_expires_at as expires_at,
        -- A grant without a date proves nothing about when: it never beats a
        -- denial. A denial counts from when it was seen at the latest.
        case
            when consent = 'granted' then consent_at
            else coalesce(consent_at, updated_at, loaded_at)
        end as stated_at,
        rank() over (
            partition by source, coalesce(source_key, contact_id)
            order by loaded_at desc, load_id desc
        ) as load_recency
    from contacts

),

-- A denial counts from every load, a grant from the latest only: a source that
-- stops saying "denied" has not said "granted".
imported as (

    select
        contact_id,
        '' as topic,
        consent,
        basis,
        source,
        source_key,
        source_rank,
        false as is_confirmed,
        stated_at,
        expires_at
    from dated
    where consent = 'denied' or (consent = 'granted' and load_recency = 1)

),

-- The person's own word, on a form or a page of theirs, or what an application
-- states for somebody; the client's address is the person's only in the first case.
told as (

    select
        event_id,
        inbound_id,
        contact_id,
        scope as topic,
        coalesce({{ json_text('body', 'basis') }}, 'stated') as basis,
        coalesce({{ json_text('body', 'source') }}, 'forms') as source,
        {{ json_text('body', 'place') }} as place,
        {{ json_text('body', 'wording') }} as wording,
        {{ json_text('body', 'language') }} as language,
        ip,
        occurred_at as stated_at,
        {{ json_time('body', 'expires_at') }} as expires_at
    from inbound
    where kind = 'subscribed' and contact_id is not null
    qualify row_number() over (partition by event_id order by inbound_id) = 1

),

stated as (

    select
        contact_id,
        topic,
        consent,
        basis,
        source,
        source_key,
        source_rank,
        is_confirmed,
        stated_at,
        expires_at,
        cast(null as {{ dbt.type_string() }}) as place,
        cast(null as {{ dbt.type_string() }}) as wording,
        cast(null as {{ dbt.type_string() }}) as language,
        cast(null as {{ dbt.type_string() }}) as ip,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as bigint) as inbound_id
    from imported

    union all

    select
        contact_id,
        topic,
        'granted' as consent,
        basis,
        source,
        cast(null as {{ dbt.type_string() }}) as source_key,
        cast({{ var('written_source_rank') }} as integer) as source_rank,
        basis = 'confirmed' as is_confirmed,
        stated_at,
        expires_at,
        place,
        wording,
        language,
        case when source not like 'api:%' then ip end as ip,
        event_id,
        inbound_id
    from told

)

select * from stated
