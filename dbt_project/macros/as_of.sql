{% macro as_of() -%}
    {#- The environment is asked only when a query is made, never while parsing: else
        dbt would take the whole project for changed whenever the clock has moved. -#}
    {%- set clock = env_var('MAILRAIL_AS_OF', '') if execute else '' -%}
    {%- set given = var('as_of', '') or clock or run_started_at.strftime('%Y-%m-%d %H:%M:%S') -%}
    cast('{{ given | replace('T', ' ') | replace('Z', '') }}' as timestamp)
{%- endmacro %}
