"""The ``where`` of an audience: one boolean expression over a contact's columns, and nothing else.

What is not on the allow-list is refused, and what runs is written anew from the parsed tree, never the author's
text. Add a function here when authors need one and it can neither read anything nor run for long.
"""

import re
from dataclasses import dataclass
from datetime import datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from assets.audiences.fields import CONTACT_COLUMNS
from assets.audiences.suggestions import suggest
from senders.errors import ConfigError

AS_OF = "as_of"
MAX_LENGTH = 4_000
MAX_NODES = 500
_DIALECT = "duckdb"

_CONNECTING = (exp.And, exp.Or, exp.Not, exp.Paren)
_COMPARING = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike,
    exp.NullSafeEQ, exp.NullSafeNEQ,
)  # fmt: skip
_VALUES = (
    exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div,
    exp.Interval, exp.Var, exp.Cast, exp.DataType, exp.Case, exp.If,
)  # fmt: skip
_FUNCTIONS = (
    exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Coalesce, exp.Nullif, exp.Abs, exp.Round, exp.StartsWith,
    exp.EndsWith, exp.Contains, exp.Extract, exp.Year, exp.Month, exp.Day,
)  # fmt: skip
_ALLOWED = frozenset((*_CONNECTING, *_COMPARING, *_VALUES, *_FUNCTIONS))
_BOOLEAN = (*_CONNECTING, *_COMPARING, exp.Boolean, exp.StartsWith, exp.EndsWith, exp.Contains)
_TYPES = frozenset({"VARCHAR", "TEXT", "INT", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"})
_UNITS = frozenset({"DAY", "DAYS", "WEEK", "WEEKS", "MONTH", "MONTHS", "YEAR", "YEARS", "HOUR", "HOURS"})
_SAMPLES = {
    "varchar": "'x'",
    "bigint": "1",
    "integer": "1",
    "double": "1.5",
    "boolean": "true",
    "timestamp": "timestamp '2000-01-01'",
}
_WORD = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a predicate cannot be used; line and column count from 1 within the predicate."""

    line: int
    column: int
    message: str
    remedy: str


def check_predicate(sql: str) -> list[Refusal]:
    """Return what is wrong with a predicate; empty where it may run."""
    tree, refusals = _parse(sql)
    if tree is None:
        return refusals
    first = {refusal.message: refusal for refusal in reversed(_walk(tree, sql))}  # each once, where it is first
    if first:
        return sorted(first.values(), key=lambda refusal: (refusal.line, refusal.column))
    return _check_boolean(tree) or _check_types(tree)


def compile_predicate(sql: str, *, as_of: datetime, alias: str = "contacts") -> str:
    """Return the predicate as SQL over a table alias, with ``as_of`` as the given time.

    Raises:
        ConfigError: the predicate is refused.
    """
    refusals = check_predicate(sql)
    tree, _ = _parse(sql)
    if refusals or tree is None:
        first = refusals[0]
        raise ConfigError(f"where, line {first.line}: {first.message} {first.remedy}")
    return _write(tree, as_of, alias)


def _parse(sql: str) -> tuple[exp.Expr | None, list[Refusal]]:
    if len(sql) > MAX_LENGTH:
        return None, [Refusal(1, 1, f"where has {len(sql)} characters.", f"At most {MAX_LENGTH} fit; make a segment.")]
    try:
        trees = sqlglot.parse(sql, read=_DIALECT)
    except RecursionError:
        return None, [Refusal(1, 1, "where is nested too deeply.", "Make it a segment.")]
    except SqlglotError as error:
        return None, [_syntax(error)]
    except (TypeError, ValueError, AttributeError, LookupError):  # what the parser does with some nonsense
        return None, [Refusal(1, 1, "where is not SQL.", "Write one condition, such as: orders > 0")]
    found = [tree for tree in trees if tree is not None]
    if len(trees) != 1 or len(found) != 1:
        return None, [Refusal(1, 1, f"where holds {len(found)} expressions.", "Write one, such as: orders > 0")]
    return found[0], []


def _syntax(error: SqlglotError) -> Refusal:
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    message = str(first.get("description") or str(error).splitlines()[0]).rstrip(". ")
    return Refusal(
        first.get("line") or 1, first.get("col") or 1, f"where is not SQL: {message}.", "Mend the expression."
    )


def _walk(tree: exp.Expr, sql: str) -> list[Refusal]:
    refusals = []
    for number, node in enumerate(tree.walk()):
        if number >= MAX_NODES:
            return [Refusal(1, 1, f"where has more than {MAX_NODES} parts.", "Make it a segment.")]
        refusal = _judge(node)
        if refusal is not None:
            refusals.append(Refusal(*_place(node, sql), *refusal))
    return refusals


def _judge(node: exp.Expr) -> tuple[str, str] | None:
    """Return message and remedy for a node that is not allowed."""
    if type(node) not in _ALLOWED:
        return _not_allowed(node)
    if isinstance(node, exp.Column):
        return _judge_column(node)
    if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest") or node.args.get("field")):
        return "where may not read other tables.", "Put it into a segment and include that."
    if isinstance(node, exp.DataType) and node.this.value not in _TYPES:
        return f"the type {node.sql(_DIALECT)} is not allowed.", f"The types are: {', '.join(sorted(_TYPES)).lower()}."
    if isinstance(node, exp.Var) and node.name.upper() not in _UNITS:
        return f"{node.name!r} is not known.", "Write texts in 'single quotes' and units as day, month or year."
    return None


def _not_allowed(node: exp.Expr) -> tuple[str, str]:
    if isinstance(node, (exp.Query, exp.Subquery, exp.Exists)):
        return "where may not read other tables.", "Put it into a segment and include that."
    if isinstance(node, (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime)):
        return "where may not ask for the present time.", f"Write {AS_OF}: the time of the send."
    if isinstance(node, exp.Func):
        name = node.name if type(node) is exp.Anonymous else node.sql_name()
        return f"the function {name.lower()} is not allowed.", f"Allowed are: {', '.join(_function_names())}."
    return f"{type(node).__name__.lower()} is not allowed in where.", "Write one condition on columns of dim_contacts."


def _judge_column(column: exp.Column) -> tuple[str, str] | None:
    if column.table:
        return f"{column.sql(_DIALECT)} names a table.", f"Write {column.name} alone."
    if column.name.lower() not in (*CONTACT_COLUMNS, AS_OF):
        if column.this.quoted:
            return f"dim_contacts has no column {column.name!r}.", f"A text stands in single quotes: '{column.name}'."
        return f"dim_contacts has no column {column.name!r}.", suggest(column.name, (*CONTACT_COLUMNS, AS_OF))
    return None


def _place(node: exp.Expr, sql: str) -> tuple[int, int]:
    """Return where a node stands: known for names, looked up by its first word for others."""
    for inner in (node, *node.find_all(exp.Identifier)):
        if "line" in inner.meta:
            start = int(inner.meta.get("start", 0))
            return int(inner.meta["line"]), start - sql.rfind("\n", 0, start)
    words = [node.name, type(node).__name__, node.sql_name() if isinstance(node, exp.Func) else ""]
    for word in filter(_WORD.fullmatch, words):
        found = re.search(rf"\b{word}\b", sql, re.IGNORECASE)
        if found:
            return sql.count("\n", 0, found.start()) + 1, found.start() - sql.rfind("\n", 0, found.start())
    return 1, 1


def _check_boolean(tree: exp.Expr) -> list[Refusal]:
    inner = tree.unnest()
    is_flag = isinstance(inner, exp.Column) and CONTACT_COLUMNS.get(inner.name.lower()) == "boolean"
    if is_flag or isinstance(inner, _BOOLEAN):
        return []
    return [Refusal(1, 1, "where is a value, not a condition.", "Compare it with something, such as: orders > 0")]


def _check_types(tree: exp.Expr) -> list[Refusal]:
    """Let DuckDB itself try the expression on a table of one row, on a connection that reaches nothing."""
    import duckdb

    columns = ", ".join(f"{name} {kind}" for name, kind in CONTACT_COLUMNS.items())
    predicate = _write(tree, datetime(2000, 1, 1), "contacts")  # noqa: DTZ001 - any time binds alike
    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as connection:
        connection.execute(f"create table contacts ({columns})")
        # One row, because DuckDB meets a text that is no number only when it compares.
        connection.execute(
            f"insert into contacts values ({', '.join(_SAMPLES[kind] for kind in CONTACT_COLUMNS.values())})"  # noqa: S608
        )
        try:
            connection.execute(f"select 1 from contacts where {predicate}").fetchall()  # noqa: S608 - checked
        except duckdb.Error as error:
            message = str(error).splitlines()[0].rstrip(".")
            return [Refusal(1, 1, f"where does not fit the columns: {message}.", "Compare like with like.")]
    return []


def _write(tree: exp.Expr, as_of: datetime, alias: str) -> str:
    moment = exp.cast(exp.Literal.string(as_of.strftime("%Y-%m-%d %H:%M:%S.%f")), "timestamp")

    def settle(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        name = node.name.lower()
        return moment.copy() if name == AS_OF else exp.column(name, table=alias)

    return tree.copy().transform(settle).sql(_DIALECT, comments=False)


def _function_names() -> list[str]:
    return sorted(kind.sql_name().lower() for kind in _FUNCTIONS)


def place_as_of(sql: str, replacement: str) -> str:
    """Return a predicate as its author wrote it, with another word for ``as_of``; for SQL that people go on editing."""
    written = sql.strip()
    for token in reversed(sqlglot.tokenize(written, read=_DIALECT)):
        if token.token_type is TokenType.VAR and token.text.lower() == AS_OF:
            written = written[: token.start] + replacement + written[token.end + 1 :]
    return written
