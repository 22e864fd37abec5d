with order_lines as (

    select * from {{ ref('fct_order_lines') }}

)

select distinct contact_id
from order_lines
where
    contact_id is not null
    and product_id = '{{ var("featured_product_id") }}'
    and ordered_at > {{ as_of() }} - interval '30' day
    and ordered_at <= {{ as_of() }}
