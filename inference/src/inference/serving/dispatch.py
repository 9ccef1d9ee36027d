"""Where a run happens: on the loop when it is cheap, in a worker thread when it is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.servable import Servable

# A thread hop costs about 100 microseconds: what is cheaper than that runs on the loop.
INLINE_US = 200.0


class Dispatcher:
    """Runs servables, whoever asks: the predict routes and the Open Inference Protocol alike."""

    def is_inline(self, servable: Servable, rows: int) -> bool:
        """Tell whether so many rows are cheap enough for the loop; what was never measured is not."""
        costs = servable.cost_us
        if not costs:
            return False
        measured = max(costs)
        upper = min((count for count in costs if count >= rows), default=measured)
        return costs[upper] * max(1.0, rows / measured) < INLINE_US

    async def run(
        self, servable: Servable, outputs: Sequence[str] | None, feeds: dict[str, Any], rows: int
    ) -> list[Any]:
        """Run a servable.

        Args:
            servable: What is asked.
            outputs: Names of the outputs wanted, ``None`` for all.
            feeds: An array per input.
            rows: Length of the first axis; 1 where that is no batch.

        Returns:
            One value per output.

        Raises:
            InferenceError: The model failed.
        """
        if self.is_inline(servable, rows):
            return servable.run(outputs, feeds)
        return await asyncio.to_thread(servable.run, outputs, feeds)
