"""The different texts in a column of an index, without reading every row.

SELECT DISTINCT reads all the rows that a key stands in: 300 ms for the ten metrics of 100,000 runs.
This asks the index for the first text, then for the first beyond it, and so on.
"""

from collections.abc import Mapping

from django.db import connection, models


def distinct_texts(
    model: type[models.Model], field: str, where: Mapping[str, int | str], *, limit: int
) -> list[str]:
    """The first `limit` texts of a field in the rows with these values, in order; one query.

    Needs an index of the fields of `where` with `field` next.
    """
    quote = connection.ops.quote_name
    columns = {one.name: quote(one.column) for one in model._meta.concrete_fields if one.column}
    table, column = quote(model._meta.db_table), columns[field]
    conditions = " AND ".join(f"{columns[name]} = %s" for name in where)
    first = f"SELECT min({column}) FROM {table} WHERE {conditions}"  # noqa: S608 (our own names)
    values = list(where.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE found(text, place) AS (
                SELECT ({first}), 1
                UNION ALL
                SELECT ({first} AND {column} > found.text), found.place + 1
                FROM found WHERE found.text IS NOT NULL AND found.place < %s
            ) SELECT text FROM found WHERE text IS NOT NULL ORDER BY place
            """,  # noqa: S608 (our own names)
            [*values, *values, limit],
        )
        return [text for (text,) in cursor.fetchall()]
