"""Text look-ups by a pattern, as SQL's LIKE has it: % stands for any text, _ for one character.

Django has none. There is no escape character: what a backslash means differs between databases.
`like` minds letter case and `ilike` does not; SQLite folds the case of ASCII letters only.
"""

from typing import Any

from django.db.models import CharField, Lookup, TextField

_GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


@CharField.register_lookup
@TextField.register_lookup
class Like(Lookup):
    """The whole text fits the pattern, letter case included."""

    lookup_name = "like"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} LIKE {right} ESCAPE ''", [*left_params, *right_params]

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        # Its LIKE does not mind letter case; GLOB does, and says the same in other signs.
        left, left_params = self.process_lhs(compiler, connection)
        return f"{left} GLOB %s", [*left_params, str(self.rhs).translate(_GLOB)]


@CharField.register_lookup
@TextField.register_lookup
class ILike(Lookup):
    """The whole text fits the pattern, whatever the letter case."""

    lookup_name = "ilike"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} ILIKE {right} ESCAPE ''", [*left_params, *right_params]

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} LIKE {right}", [*left_params, *right_params]
