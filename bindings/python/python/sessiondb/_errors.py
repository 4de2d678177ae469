"""What can go wrong, as a caller can act on it."""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """Why the store did not do what it was asked to.

    The class is what a caller can act on; the message says what went wrong, where, and what to do. `variant` is
    the finer name that the library has for it. What else it tells, such as `session`, `segment` or `path`, are
    attributes.
    """

    kind: str = "io"
    variant: str = "Other"


class NotFoundError(Error, LookupError):
    """What was asked for is not there: a file, session, segment or turn."""

    kind = "not_found"


class ConflictError(Error):
    """Another writer was there first, or what was to be made is there already. Nothing was written.

    Where a log has another length than was expected, `expected` and `actual` are the two.
    """

    kind = "conflict"
    expected: int
    actual: int


class BusyError(Error, TimeoutError):
    """Another process had the archive to itself for the whole timeout. Nothing was changed; try again."""

    kind = "busy"
    holder: int | None


class InvalidError(Error, ValueError):
    """The call itself asks for what cannot be. Nothing was written."""

    kind = "invalid"


class DoesNotFitError(Error, ValueError):
    """An entry is not of the type as which it was read."""

    kind = "does_not_fit"


class IncompatibleError(Error):
    """The file cannot be used by this build, at this place or in this way. It was left as it is."""

    kind = "incompatible"


class ReadOnlyError(Error):
    """The archive was opened for reading only."""

    kind = "read_only"


class DamagedError(Error):
    """The file holds what nobody wrote. No wrong answer was given."""

    kind = "damaged"


class OutcomeUnknownError(Error):
    """A write failed, and may or may not be there. Open the archive again and look."""

    kind = "outcome_unknown"


class UnusableError(Error):
    """This handle is of no use any more. Open the archive again."""

    kind = "unusable"


class ForkedError(UnusableError):
    """The archive was opened by the process from which this one was forked. Open it again in this one."""

    parent: int


class ClosedError(UnusableError):
    """This program closed the archive before."""


class IoError(Error, OSError):
    """The operating system refused: the disk is full, there is no permission."""

    kind = "io"


_BY_KIND: dict[str, type[Error]] = {
    error.kind: error
    for error in (
        NotFoundError,
        ConflictError,
        BusyError,
        InvalidError,
        DoesNotFitError,
        IncompatibleError,
        ReadOnlyError,
        DamagedError,
        OutcomeUnknownError,
        UnusableError,
        IoError,
    )
}
_BY_VARIANT: dict[str, type[Error]] = {"Forked": ForkedError, "Closed": ClosedError}


def make(kind: str, variant: str, message: str, fields: dict[str, Any]) -> Error:
    """The exception of an error of the library."""
    error = _BY_VARIANT.get(variant, _BY_KIND.get(kind, Error))(message)
    error.variant = variant
    for name, value in fields.items():
        setattr(error, name, value)
    return error
