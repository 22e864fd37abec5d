{% macro record_segment_sizes(results) -%}
    {%- set sizes, contacts = ref('rpt_segment_sizes'), ref('dim_contacts') -%}
    {%- set are_there = execute and load_relation(sizes) and load_relation(contacts) -%}
    {%- set built = [] -%}
    {%- for result in results if result.node.name.startswith('seg_') and result.status == 'success' -%}
        {%- do built.append(result.node) -%}
    {%- endfor -%}
    {%- if are_there and built %}
    delete from {{ sizes }}
    where
        day = cast({{ as_of() }} as date)
        and segment in ({% for node in built %}'{{ node.name }}'{{ ', ' if not loop.last }}{% endfor %});

    insert into {{ sizes }}
    {{ segment_sizes(built, contacts, sizes) }}
    {%- endif -%}
{%- endmacro %}

{% macro segment_sizes(built, contacts, sizes) -%}
    select
        counted.segment,
        cast({{ as_of() }} as date) as day,
        {{ as_of() }} as as_of,
        counted.contacts,
        counted.contacts - before.contacts as change,
        everybody.contacts as all_contacts,
        {{ rate('counted.contacts', 'everybody.contacts') }} as share
    from (
        {%- for node in built %}
        {{ 'union all' if not loop.first }}
        select '{{ node.name }}' as segment, count(*) as contacts from {{ node.relation_name }}
        {%- endfor %}
    ) as counted
    cross join (select count(*) as contacts from {{ contacts }}) as everybody
    left join (
        select segment, max_by(contacts, day) as contacts
        from {{ sizes }}
        where day < cast({{ as_of() }} as date)
        group by segment
    ) as before on counted.segment = before.segment
{%- endmacro %}
