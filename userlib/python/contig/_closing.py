# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""What clients, buffers and locks have in common: they end."""

from __future__ import annotations

import errno
import os
import warnings
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._library import Error, check
from ._view import View

if TYPE_CHECKING:
    from ._client import Client

_Self = TypeVar("_Self", bound="Closing")

# Errors after which a lock, a hold or a preparation has not ended.
_GOES_ON = {errno.ENOMEM, errno.EINTR}


class Closing:
    """An object that must be closed, and is by the end of a with block."""

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self.closed:
            return
        try:
            # This raises if the program wants that of warnings.
            warnings.warn(f"closed late: {self!r}", ResourceWarning,
                          source=self)
        finally:
            try:
                self.close()
            except Error:
                pass


class Claim(Closing):
    """What a client has of memory until it is closed: a lock, a hold or a
    preparation. It belongs to the process that made it."""

    length: int = 0
    _is_open: bool = False

    def __init__(self, client: Client, view: View | None) -> None:
        self._client = client
        self._view = view
        self._process = os.getpid()
        if view is not None:
            self.length = view.length
            self._address = view.address

    def _begin(self, function: Callable[..., int], undo: Callable[..., int],
               *arguments: object, flags: tuple[int, ...] = ()) -> None:
        """Call a function of the library, to which undo is the opposite.

        A signal, such as that of Ctrl-C, raises an exception as soon as the
        function has returned. So its result is put into a list in the same
        step of the interpreter.
        """
        results: list[int] = []
        try:
            results.extend(map(function, *([argument] for argument in
                                           (*arguments, *flags))))
            check(results[0])
            self._opened()
        except BaseException:
            self._is_open = False
            if results == [0]:
                undo(*arguments)
            self._release()
            raise

    def _opened(self) -> None:
        self._is_open = True
        self._client._claims.add(self)

    def _end(self) -> int:
        """End it, and return the result of the library."""
        raise NotImplementedError

    def _release(self) -> None:
        # Only now may the object move or free its memory.
        if self._view is not None:
            self._view.release()

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return not self._is_open

    def close(self) -> None:
        if not self._is_open:
            return
        result = 0
        # All ends with the client, and a child process has nothing.
        if self._client._handle is not None and \
                self._process == os.getpid():
            result = self._end()
        if -result not in _GOES_ON:
            self._is_open = False
            self._release()
        check(result)

    def __repr__(self) -> str:
        state = "open" if self._is_open else "closed"
        return f"<contig.{type(self).__name__}: {self.length} bytes, {state}>"


def close_all(claims: Any) -> None:
    """Close all of them, even if some cannot be."""
    for claim in list(claims):
        try:
            claim.close()
        except Error:
            pass
