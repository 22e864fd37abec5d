{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns'
    )
}}

-- The table alone: its rows are written when a run ends, by record_segment_sizes,
-- which knows the segments that were built. Reading them here would make every
-- report wait for every segment, and fail with it.
select
    cast(null as {{ dbt.type_string() }}) as segment,
    cast(null as date) as day,
    cast(null as timestamp) as as_of,
    cast(null as bigint) as contacts,
    cast(null as bigint) as change,
    cast(null as bigint) as all_contacts,
    cast(null as double) as share
where false
