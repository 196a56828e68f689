"""SQL that is written once and then sent again and again, for the hottest paths.

Django writes the SQL of a query anew each time, and PostgreSQL plans it anew. For a query with
several tables both take longer than to find the rows: of the 16 ms of reading a run, 11 went into
words; a version by its alias was planned for 19 ms and read in one; an event was written in 3 ms,
of which the database needed one third (measured). Here the process keeps the text, each connection
to PostgreSQL the plan, and only the arguments change.
"""

from apps.core.prepared.reading import ArgumentLostError, Prepared
from apps.core.prepared.writing import insert, insert_all, put, update

__all__ = ["ArgumentLostError", "Prepared", "insert", "insert_all", "put", "update"]
