with contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

dated as (

    select
        contact_id,
        consent,
        consent_basis,
        source,
        source_key,
        source_rank,
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
explicit as (

    select *
    from dated
    where consent = 'denied' or (consent = 'granted' and load_recency = 1)

)

select * from explicit
