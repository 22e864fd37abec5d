{% macro json_said(document, key) -%}
    {{ return(adapter.dispatch('json_said')(document, key)) }}
{%- endmacro %}

{% macro default__json_said(document, key) -%}
    json_extract_string({{ document }}, '$.{{ key }}')
{%- endmacro %}

{% macro spark__json_said(document, key) -%}
    get_json_object({{ document }}, '$.{{ key }}')
{%- endmacro %}

{% macro json_text(document, key) -%}
    nullif(trim({{ json_said(document, key) }}), '')
{%- endmacro %}

{% macro json_part(document, key) -%}
    {{ return(adapter.dispatch('json_part')(document, key)) }}
{%- endmacro %}

{% macro default__json_part(document, key) -%}
    cast(json_extract({{ document }}, '$.{{ key }}') as {{ dbt.type_string() }})
{%- endmacro %}

{% macro spark__json_part(document, key) -%}
    get_json_object({{ document }}, '$.{{ key }}')
{%- endmacro %}

{% macro json_element(array, place) -%}
    {{ return(adapter.dispatch('json_element')(array, place)) }}
{%- endmacro %}

{% macro default__json_element(array, place) -%}
    json_extract_string({{ array }}, '$[' || cast({{ place }} as {{ dbt.type_string() }}) || ']')
{%- endmacro %}

{% macro spark__json_element(array, place) -%}
    get_json_object({{ array }}, '$[' || cast({{ place }} as {{ dbt.type_string() }}) || ']')
{%- endmacro %}

{% macro valid_json(text) -%}
    {{ return(adapter.dispatch('valid_json')(text)) }}
{%- endmacro %}

{% macro default__valid_json(text) -%}
    case when json_valid({{ text }}) then {{ text }} end
{%- endmacro %}

{% macro spark__valid_json(text) -%}
    case when get_json_object({{ text }}, '$') is not null then {{ text }} end
{%- endmacro %}
