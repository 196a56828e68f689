"""The kinds of refusal that the domain knows.

Domain code raises one of these, or a small named subclass kept beside the function that can fail.
Each door (pages, native JSON, and the client protocols) turns the kind into an answer in its own
dialect, by one table. The message is for a person: it says what is wrong and what to do.
"""


class DomainError(Exception):
    """Something the caller did cannot be done. `status` is the nearest HTTP status."""

    status = 400
    code = "invalid"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(DomainError):
    """The input is wrong. `field` names the part that is, when there is one."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotSignedIn(DomainError):
    """Nobody, or nobody known, is asking."""

    status = 401
    code = "not_signed_in"


class Forbidden(DomainError):
    """The caller may see the thing but may not do this with it."""

    status = 403
    code = "forbidden"


class NotFound(DomainError):
    """There is no such thing, or the caller may not know that there is."""

    status = 404
    code = "not_found"


class Conflict(DomainError):
    """The thing is not, or no longer, in the state that the request assumes."""

    status = 409
    code = "conflict"


class TooLarge(DomainError):
    """The input is over a limit; the message names the limit."""

    status = 413
    code = "too_large"


class Unsupported(DomainError):
    """The input is of a kind that is not taken here."""

    status = 415
    code = "unsupported"


class TooMany(DomainError):
    """Too many tries; worth repeating after `retry_after` seconds."""

    status = 429
    code = "too_many"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(DomainError):
    """The store is busy; the same request will succeed later."""

    status = 503
    code = "busy"
    retry_after = 2


class StorageFull(DomainError):
    """No room is left for content."""

    status = 507
    code = "storage_full"
