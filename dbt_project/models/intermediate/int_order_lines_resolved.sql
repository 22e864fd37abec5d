with orders as (

    select * from {{ ref('stg_crm__orders') }}

),

contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

reported as (

    select * from {{ ref('int_order_lines_reported') }}

),

-- An order may name its buyer by an id that nobody knows.
known as (

    select distinct contact_id from {{ ref('int_contacts_ranked') }}

),

latest as (

    select *
    from orders
    qualify
        row_number() over (
            partition by source, order_id, line_no
            order by loaded_at desc, load_id desc, line desc
        ) = 1

),

keys_of_source as (

    select
        source,
        source_key,
        contact_id
    from contacts
    where source_key is not null
    qualify
        row_number() over (
            partition by source, source_key
            order by loaded_at desc, updated_at desc nulls last, load_id desc, line desc
        ) = 1

),

keys_of_any_source as (

    select
        source_key,
        contact_id
    from contacts
    where source_key is not null
    qualify
        row_number() over (
            partition by source_key
            order by
                source_rank asc nulls last,
                loaded_at desc,
                updated_at desc nulls last,
                load_id desc,
                source asc,
                line desc
        ) = 1

),

resolved as (

    select
        latest.source,
        latest.order_id,
        latest.line_no,
        coalesce(
            latest.contact_id,
            keys_of_source.contact_id,
            keys_of_any_source.contact_id
        ) as contact_id,
        latest.product_id,
        latest.currency,
        latest.quantity,
        latest.amount,
        latest.ordered_at
    from latest
    left join keys_of_source
        on
            latest.source = keys_of_source.source
            and latest.customer_key = keys_of_source.source_key
    left join keys_of_any_source
        on latest.customer_key = keys_of_any_source.source_key

),

-- An order that a source's file and the API both tell of counts once, as the
-- file tells it: it is the shop's last word. The same number is another order
-- only where both say who bought, and it was somebody else.
told_by_files as (

    select distinct reported.order_id
    from reported
    inner join resolved
        on
            reported.order_id = resolved.order_id
            and (
                reported.contact_id = resolved.contact_id
                or reported.contact_id is null
                or resolved.contact_id is null
            )

),

buyers as (

    select
        reported.order_id,
        max(known.contact_id) as contact_id
    from reported
    inner join known on reported.contact_id = known.contact_id
    group by reported.order_id

),

from_files as (

    select
        resolved.source,
        resolved.order_id,
        resolved.line_no,
        coalesce(resolved.contact_id, buyers.contact_id) as contact_id,
        resolved.product_id,
        resolved.currency,
        resolved.quantity,
        resolved.amount,
        resolved.ordered_at
    from resolved
    left join buyers on resolved.order_id = buyers.order_id

),

from_api as (

    select
        reported.source,
        reported.order_id,
        reported.line_no,
        known.contact_id,
        reported.product_id,
        reported.currency,
        reported.quantity,
        reported.amount,
        reported.ordered_at
    from reported
    left join known on reported.contact_id = known.contact_id
    left join told_by_files on reported.order_id = told_by_files.order_id
    where told_by_files.order_id is null

),

combined as (

    select * from from_files

    union all

    select * from from_api

)

select * from combined
