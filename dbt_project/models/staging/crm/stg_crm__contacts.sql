with source as (

    select * from {{ source('crm', 'contacts') }}

),

renamed as (

    select
        load_id,
        source,
        nullif(trim(source_key), '') as source_key,
        contact_id,
        email,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(country), '') as country,
        nullif(trim(city), '') as city,
        nullif(trim(locale), '') as locale,
        case when consent in ('granted', 'denied') then consent else 'unknown' end as consent,
        nullif(trim(consent_basis), '') as consent_basis,
        source_rank,
        line,
        tracking_consent,
        consent_at,
        consent_expires_at,
        created_at,
        updated_at,
        loaded_at
    from source
    where contact_id is not null

)

select * from renamed
