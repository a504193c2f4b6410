# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Memory that is kept resident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._closing import Claim
from ._library import lib
from ._view import View

if TYPE_CHECKING:
    from ._client import Client


class Hold(Claim):
    """Memory that is not paged out, but may move. Client.hold() makes it.

    It is a context manager, which ends the hold at its end. Holds are counted
    for each page and client.

    length: how much memory is held, in bytes
    """

    def __init__(self, client: Client, memory: Any) -> None:
        handle = client._use()
        super().__init__(client, View(memory, False))
        self._begin(lib.contig_hold, lib.contig_unhold, handle, self._address,
                    self.length)

    def _end(self) -> int:
        return int(lib.contig_unhold(self._client._use(), self._address,
                                     self.length))

    def close(self) -> None:
        """End the hold. Nothing happens if it has ended already.

        Raises Error with ENOMEM: the kernel had no memory for that; call it
        again. ENODATA: something else in the process has ended it.
        """
        super().close()
