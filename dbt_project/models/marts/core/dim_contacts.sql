with contacts as (

    select * from {{ ref('int_contacts_ranked') }}

),

consents as (

    select * from {{ ref('int_consents_stated') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

preferences as (

    select * from {{ ref('dim_preferences') }}

),

chosen as (

    select
        contact_id,
        max(case when name = 'language' then nullif(value, '') end) as language,
        max(case when name = 'tracking' then value end) as tracking,
        max(case when name = 'tracking' then preferred_at end) as tracking_at
    from preferences
    where name in ('language', 'tracking')
    group by contact_id

),

survived as (

    select
        contact_id,
        min_by(email, preference) filter (where email is not null) as email,
        min_by(first_name, preference) filter (where first_name is not null) as first_name,
        min_by(last_name, preference) filter (where last_name is not null) as last_name,
        min_by(country, preference) filter (where country is not null) as country,
        min_by(city, preference) filter (where city is not null) as city,
        min_by(locale, preference) filter (where locale is not null) as locale,
        min_by(tracking_consent, preference)
        filter (where tracking_consent is not null) as tracking_consent,
        min_by(coalesce(updated_at, loaded_at), preference)
        filter (where tracking_consent is not null) as tracking_consent_at,
        max(coalesce(updated_at, loaded_at))
        filter (where not tracking_consent) as tracking_denied_at,
        count(distinct source) as sources,
        min(created_at) as created_at,
        max(coalesce(updated_at, loaded_at)) as updated_at
    from contacts
    group by contact_id

),

first_sources as (

    select
        contact_id,
        source as first_source
    from contacts
    qualify
        row_number() over (
            partition by contact_id
            order by coalesce(created_at, loaded_at) nulls last, preference
        ) = 1

),

consented as (

    select
        contact_id,
        consent,
        basis as consent_basis,
        stated_at as consent_at,
        expires_at as consent_expires_at
    from consents
    where expires_at is null or expires_at > {{ as_of() }}
    qualify
        row_number() over (
            partition by contact_id
            order by
                stated_at desc nulls last,
                case when consent = 'denied' then 0 else 1 end asc,
                source_rank asc nulls last,
                source asc,
                source_key asc nulls last
        ) = 1

),

ordered as (

    select
        contact_id,
        count(*) as orders,
        sum(amount) as total_spent,
        min(ordered_at) as first_ordered_at,
        max(ordered_at) as last_ordered_at
    from orders
    where contact_id is not null
    group by contact_id

),

last_products as (

    select
        contact_id,
        product_id as last_product_id,
        product_name as last_product_name
    from order_lines
    where contact_id is not null and product_id is not null
    qualify
        row_number() over (
            partition by contact_id
            order by ordered_at desc, order_line_key desc
        ) = 1

),

-- The person's own choice goes before what sources say, but for a source that
-- says no later than the person said yes.
tracked as (

    select
        survived.contact_id,
        case
            when chosen.tracking = 'no' then false
            when chosen.tracking = 'yes' and survived.tracking_denied_at > chosen.tracking_at
                then false
            when chosen.tracking = 'yes' then true
            else survived.tracking_consent
        end as tracking_consent,
        case
            when chosen.tracking = 'yes' and survived.tracking_denied_at > chosen.tracking_at
                then survived.tracking_denied_at
            when chosen.tracking in ('yes', 'no') then chosen.tracking_at
            else survived.tracking_consent_at
        end as tracking_consent_at
    from survived
    left join chosen on survived.contact_id = chosen.contact_id

),

final as (

    select
        survived.contact_id,
        survived.email,
        split_part(survived.email, '@', 2) as mailbox_domain,
        survived.first_name,
        survived.last_name,
        survived.country,
        survived.city,
        coalesce(chosen.language, survived.locale) as locale,
        coalesce(consented.consent, 'unknown') as consent,
        consented.consent_basis,
        consented.consent_at,
        consented.consent_expires_at,
        tracked.tracking_consent,
        tracked.tracking_consent_at,
        first_sources.first_source,
        survived.sources,
        {{ bucket('survived.contact_id', 100) }} as bucket,
        survived.created_at,
        survived.updated_at,
        coalesce(ordered.orders, 0) as orders,
        coalesce(round(ordered.total_spent, 2), 0) as total_spent,
        ordered.first_ordered_at,
        ordered.last_ordered_at,
        last_products.last_product_id,
        last_products.last_product_name
    from survived
    left join first_sources on survived.contact_id = first_sources.contact_id
    left join consented on survived.contact_id = consented.contact_id
    left join ordered on survived.contact_id = ordered.contact_id
    left join tracked on survived.contact_id = tracked.contact_id
    left join chosen on survived.contact_id = chosen.contact_id
    left join last_products on survived.contact_id = last_products.contact_id

)

select * from final
