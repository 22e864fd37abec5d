with contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

orders as (

    select * from {{ ref('stg_crm__orders') }}

),

written as (

    select * from {{ ref('int_contacts_written') }}

),

order_lines as (

    select * from {{ ref('int_order_lines_reported') }}

),

latest as (

    select *
    from contacts
    qualify
        rank() over (
            partition by source, coalesce(source_key, contact_id)
            order by loaded_at desc, load_id desc
        ) = 1

),

-- People known by an order alone; they rank behind every source of contacts.
buyers as (

    select
        contact_id,
        source,
        max(email) as email,
        min(ordered_at) as created_at,
        max(loaded_at) as loaded_at
    from orders
    where contact_id is not null and email is not null
    group by contact_id, source

    union all

    select
        contact_id,
        source,
        max(email) as email,
        min(ordered_at) as created_at,
        max(loaded_at) as loaded_at
    from order_lines
    where contact_id is not null and email is not null
    group by contact_id, source

),

gathered as (

    select
        contact_id,
        email,
        source,
        source_key,
        first_name,
        last_name,
        country,
        city,
        locale,
        tracking_consent,
        source_rank,
        line,
        created_at,
        updated_at,
        loaded_at
    from latest

    union all

    select
        contact_id,
        email,
        source,
        cast(null as {{ dbt.type_string() }}) as source_key,
        first_name,
        last_name,
        country,
        city,
        locale,
        tracking_consent,
        cast({{ var('written_source_rank') }} as integer) as source_rank,
        cast(0 as bigint) as line,
        created_at,
        updated_at,
        loaded_at
    from written

    union all

    select
        contact_id,
        email,
        source,
        cast(null as {{ dbt.type_string() }}) as source_key,
        cast(null as {{ dbt.type_string() }}) as first_name,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as {{ dbt.type_string() }}) as country,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as locale,
        cast(null as boolean) as tracking_consent,
        2147483647 as source_rank,
        cast(0 as bigint) as line,
        created_at,
        cast(null as timestamp) as updated_at,
        loaded_at
    from buyers

),

ranked as (

    select
        *,
        row_number() over (
            partition by contact_id
            order by
                source_rank asc nulls last,
                coalesce(updated_at, loaded_at) desc nulls last,
                source_key asc nulls last,
                source asc,
                line desc
        ) as preference
    from gathered

)

select * from ranked
