# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""What clients, buffers and locks have in common: they end."""

from __future__ import annotations

import warnings
from typing import TypeVar

from ._library import Error

_Self = TypeVar("_Self", bound="Closing")


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
        if not self.closed:
            warnings.warn(f"closed late: {self!r}", ResourceWarning,
                          source=self)
            try:
                self.close()
            except Error:
                pass
