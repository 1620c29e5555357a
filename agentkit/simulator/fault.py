"""The interface of faults: the stages of a reply at which one can act."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.exchange import Delta
from agentkit.simulator.formats import Format, Moment
from agentkit.simulator.reply import Piece, Reply

__all__ = ["Fault"]


class Fault:
    """One way to go wrong: a frozen dataclass that overrides the stage at which it acts."""

    __slots__ = ()

    def instead(self, format: Format, moment: Moment) -> Reply | None:
        """A reply in the place of the answer."""
        return None

    def change_deltas(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        """The answer before it is written."""
        return deltas

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        """The reply: status, headers, events."""
        return reply

    def change_pieces(self, pieces: Sequence[Piece], moment: Moment) -> Sequence[Piece]:
        """The bytes on the wire, head and framing included."""
        return pieces
