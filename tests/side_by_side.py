"""How test files are given to the processes that run them side by side, so that one of these may die and the run still comes to its end."""

from __future__ import annotations

from collections.abc import Sequence

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController


class Survivable(LoadFileScheduling):
    """Whole files, in order; what a dead worker had left to do is done by the others.

    pytest-xdist 3.8 gives a dead worker's files out again with those that were done, and a worker that is given nothing to do is not asked again: at the
    end all wait (pytest-xdist issues 1327 and 1378). It also runs the test again that the worker died of. Both are so in its main branch no more, or are to
    be; where a release has them mended, this file goes.
    """

    def remove_node(self, node: WorkerController) -> str | None:
        """Take a worker out. Returns the test that it died of, if it had one to run."""
        if self.collection is None:
            self.registered_collections.pop(node, None)  # its successor has not said yet what it found
        left = [(file, test) for file, tests in self.assigned_work.pop(node).items() for test, done in tests.items() if not done]
        for file, test in left[1:]:
            self.workqueue.setdefault(file, {})[test] = False
        for other in self.assigned_work:
            self._reschedule(other)
        return left[0][1] if left else None

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Hear what tests a worker found. Raises RuntimeError, which ends the run, if a later one found others than those before it."""
        if self.collection is not None and collection != self.collection:
            raise RuntimeError(f"{node.gateway.id} found other tests than the worker in whose place it is")
        super().add_node_collection(node, collection)

    def _reschedule(self, node: WorkerController) -> None:
        """Give a worker files until it has enough to do, or the word that nothing more comes: it begins a test only when it knows what comes after."""
        if node.shutting_down or node not in self.registered_collections:
            return
        while self.workqueue and self._pending_of(self.assigned_work[node]) <= 2:
            try:
                self._assign_work_unit(node)
            except OSError:  # it is dead, which is not told yet; then `remove_node` has this file too
                return
        if not self.workqueue:
            node.shutdown()
