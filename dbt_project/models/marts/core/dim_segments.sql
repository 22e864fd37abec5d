{% set names = ['segment', 'title', 'description', 'sql', 'path', 'reads'] %}
{% set segments = [] %}
{% if execute %}
    {% set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') %}
    {% for node in models | sort(attribute='name') if node.name.startswith('seg_') %}
        {% do segments.append({
            'segment': node.name,
            'title': node.meta.title or node.name[4:] | replace('_', ' ') | capitalize,
            'description': node.description | replace('One row per contact', 'Contacts', 1),
            'sql': node.raw_code | trim,
            'path': node.original_file_path,
            'reads': node.refs | map(attribute='name') | unique | join(', '),
        }) %}
    {% endfor %}
{% endif %}

-- Written out from what dbt knows about the segments. None is read, so that a
-- broken one is listed here with its SQL and stops nothing.
with segments as (

    {% for segment in segments %}
        select
            {% for name in names %}
                {{ dbt.string_literal(dbt.escape_single_quotes(segment[name])) }} as {{ name }},
            {% endfor %}
            true as is_there
        union all
    {% endfor %}
    select
        {% for name in names %}
            cast(null as {{ dbt.type_string() }}) as {{ name }},
        {% endfor %}
        false as is_there

)

select
    segment,
    title,
    description,
    sql,
    path,
    reads
from segments
where is_there
