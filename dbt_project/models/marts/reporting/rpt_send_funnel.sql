{% set stages = [
    ('audience', 'audience'),
    ('accepted', 'accepted'),
    ('opened', 'unique_opens'),
    ('clicked', 'unique_clicks'),
    ('bought', 'conversions'),
] %}

with metrics as (

    select * from {{ ref('rpt_send_metrics') }}

),

stages as (

    {% for stage, people in stages %}
        select
            send_id,
            '{{ stage }}' as stage,
            {{ loop.index }} as place,
            {{ people }} as people,
            audience
        from metrics
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

followed as (

    select
        *,
        lag(people) over (partition by send_id order by place) as people_before
    from stages

),

final as (

    select
        send_id,
        stage,
        place,
        people,
        {{ rate('people', 'people_before') }} as step_rate,
        {{ rate('people', 'audience') }} as share
    from followed

)

select * from final
