select
    cast({{ var('light_fewest_messages') }} as bigint) as fewest,
    cast({{ var('light_bounce_watch') }} as double) as bounce_watch,
    cast({{ var('light_bounce_act') }} as double) as bounce_act,
    cast({{ var('light_complaint_watch') }} as double) as complaint_watch,
    cast({{ var('light_complaint_act') }} as double) as complaint_act
