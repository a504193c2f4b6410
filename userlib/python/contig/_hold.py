# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Memory that is kept resident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._closing import Closing
from ._library import Error, check, lib
from ._view import View

if TYPE_CHECKING:
    from ._client import Client


class Hold(Closing):
    """Memory that is not paged out, but may move. Client.hold() makes it.

    It is a context manager, which ends the hold at its end. Holds are counted
    for each page and client.
    """

    _is_held: bool = False

    def __init__(self, client: Client, memory: Any) -> None:
        handle = client._use()
        self._client = client
        self._view = View(memory, False)
        try:
            check(lib.contig_hold(handle, self._view.address,
                                  self._view.length))
        except Error:
            self._view.release()
            raise
        self._is_held = True

    @property
    def length(self) -> int:
        """How much memory is held, in bytes."""
        return self._view.length

    @property
    def closed(self) -> bool:
        """Whether the hold has ended."""
        return not self._is_held

    def close(self) -> None:
        """End the hold. Nothing happens if it has ended already.

        Raises Error with ENOMEM: the kernel had no memory for that; call it
        again.
        """
        if not self._is_held:
            return
        # The holds end with the client, and a child process has none.
        if self._client._is_mine():
            check(lib.contig_unhold(self._client._use(), self._view.address,
                                    self._view.length))
        self._is_held = False
        self._view.release()

    def __repr__(self) -> str:
        state = "held" if self._is_held else "no longer held"
        return f"<contig.Hold: {self.length} bytes, {state}>"
