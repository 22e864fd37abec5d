{% macro json_number(document, key) -%}
    {%- set number = 'try_cast(' ~ json_text(document, key) ~ ' as double)' -%}
    {#- Neither infinite nor no number at all: one such row would spoil every sum. -#}
    case when {{ number }} between -1e12 and 1e12 then {{ number }} end
{%- endmacro %}
