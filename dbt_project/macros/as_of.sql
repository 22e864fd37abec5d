{% macro as_of() -%}
    {%- set given = var('as_of', '') or run_started_at.strftime('%Y-%m-%d %H:%M:%S') -%}
    cast('{{ given | replace('T', ' ') | replace('Z', '') }}' as timestamp)
{%- endmacro %}
