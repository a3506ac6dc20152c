"""Micro-batching: requests wait in a queue, and one thread, which alone uses the model, classifies what is waiting.

Nothing waits for a batch to fill. While one batch is classified, the next one collects; so a batch has one title when
there is little to do, and many when there is much. A request of many titles is classified a piece at a time, between
which others have their turn.

All titles of a request are classified by one model: after a swap, requests that were begun with the former one are
finished with it first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from meli_tasks.core.errors import Unreachable
from meli_tasks.prediction.ranking import Predictions, predict_titles
from meli_tasks.serving.served import Served

logger = logging.getLogger("meli_tasks")

BATCH_TITLES = 256
"""Titles that are classified together: as many as still fit into the caches, after which nothing is gained."""


class Busy(Unreachable):
    """More titles are waiting than the service accepts."""


class NoModel(Unreachable):
    """There is no model in memory yet, or the service is stopping."""


@dataclass(frozen=True)
class Answer:
    """The predictions for a request, in the order of its titles, and the model that made all of them."""

    served: Served
    predictions: Predictions


@dataclass(eq=False)
class _Request:
    titles: Sequence[str]
    reasons: Sequence[str]
    top: int
    answer: Future[Answer]
    served: Served | None = None
    pieces: list[Predictions] = field(default_factory=list)
    done: int = 0


@dataclass(frozen=True)
class _Piece:
    """Titles of one request that are in the batch: those from `start` to `stop`."""

    request: _Request
    start: int
    stop: int


class Batcher:
    """A queue of requests, and the thread that answers them.

    Args:
        most_waiting: titles that may wait.
        on_batch: called in that thread with the number of titles of each batch, after it. What it raises is logged.
    """

    def __init__(self, most_waiting: int, on_batch: Callable[[int], None] = lambda titles: None) -> None:
        self._most_waiting = most_waiting
        self._on_batch = on_batch
        self._served: Served | None = None
        self._requests: dict[_Request, None] = {}  # in their order; one that is cancelled leaves without a search
        self._begun: dict[_Request, None] = {}  # those of them that have a model
        self._waiting = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="classifier", daemon=True)
        self._thread.start()

    @property
    def served(self) -> Served | None:
        """The model that the next requests are answered by."""
        return self._served

    @property
    def waiting(self) -> int:
        """Titles that wait."""
        return self._waiting

    def swap(self, served: Served) -> None:
        """Answer with another model from the next request on."""
        with self._changed:
            self._served = served

    def submit(self, titles: Sequence[str], reasons: Sequence[str], top: int) -> Future[Answer]:
        """Have titles classified.

        Args:
            titles: cleaned titles.
            reasons: why each cannot be classified, "" if it can.
            top: categories to rank.

        Raises:
            NoModel: there is no model yet, or the batcher has stopped.
            Busy: too many titles are waiting.
        """
        request = _Request(titles, reasons, top, Future())
        with self._changed:
            if self._served is None or self._stopping:
                raise NoModel("The service is stopping." if self._stopping else "No model is loaded yet.")
            # A request larger than the queue is accepted if nothing else waits: it would never be otherwise.
            if self._waiting and self._waiting + len(titles) > self._most_waiting:
                raise Busy(f"{self._waiting:,} titles are waiting, and at most {self._most_waiting:,} may. Ask again.")
            self._requests[request] = None
            self._waiting += len(titles)
            self._changed.notify()
        request.answer.add_done_callback(lambda answer: self._leave([request]) if answer.cancelled() else None)
        return request.answer

    def stop(self) -> None:
        """Answer what is waiting, accept nothing more, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while not self._is_finished():
            batch = self._next_batch()
            if not batch:
                continue  # the client has disconnected
            served = batch[0].request.served
            assert served is not None, "_next_batch gives each request its model"
            try:
                self._finish(batch, _classify(served, batch))
            except Exception as error:  # noqa: BLE001 the thread must go on, and the client must get an answer
                self._fail(batch, error)
                continue
            try:
                self._on_batch(sum(piece.stop - piece.start for piece in batch))
            except Exception:
                logger.exception("A batch was answered, but not counted.")

    def _is_finished(self) -> bool:
        with self._changed:
            return self._stopping and not self._requests

    def _next_batch(self) -> list[_Piece]:
        """Wait for requests; pieces of them that one model can classify together, none if the batcher is to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._requests or self._stopping)
            pieces: list[_Piece] = []
            left = BATCH_TITLES
            # Those that were begun come first after a swap, because only the former model can finish them.
            chosen = next((request.served for request in self._begun), self._served)
            for request in self._requests if chosen is self._served else self._begun:
                if left == 0:
                    break
                if (request.served or self._served) is not chosen:
                    continue
                request.served = chosen
                stop = min(len(request.titles), request.done + left)
                pieces.append(_Piece(request, request.done, stop))
                left -= stop - request.done
            self._begun.update(dict.fromkeys(piece.request for piece in pieces))
            return pieces

    def _finish(self, batch: Sequence[_Piece], found: Sequence[Predictions]) -> None:
        """Keep what was found; requests that are complete leave the queue, and others go to its end."""
        complete = []
        with self._changed:
            for piece, predictions in zip(batch, found, strict=True):
                request = piece.request
                if request not in self._requests:
                    continue  # the client has disconnected
                self._leave([request])
                request.pieces.append(predictions)
                request.done = piece.stop
                if request.done < len(request.titles):
                    self._requests[request] = self._begun[request] = None
                    self._waiting += len(request.titles) - request.done
                else:
                    complete.append(request)
        for request in complete:
            assert request.served is not None, "it was classified"
            answer = Answer(request.served, Predictions.joined(request.pieces))
            if request.answer.set_running_or_notify_cancel():
                request.answer.set_result(answer)

    def _fail(self, batch: Sequence[_Piece], error: Exception) -> None:
        """Answer the requests of a batch with an error, those that have no answer yet."""
        requests = [piece.request for piece in batch]
        self._leave(requests)
        for request in requests:
            if not request.answer.done() and request.answer.set_running_or_notify_cancel():
                request.answer.set_exception(error)

    def _leave(self, requests: Sequence[_Request]) -> None:
        """Take requests out of the queue, those that are in it."""
        with self._changed:
            for request in requests:
                self._begun.pop(request, None)
                if request in self._requests:
                    del self._requests[request]
                    self._waiting -= len(request.titles) - request.done


def _classify(served: Served, batch: Sequence[_Piece]) -> list[Predictions]:
    """The predictions for each piece."""
    titles = [title for piece in batch for title in piece.request.titles[piece.start : piece.stop]]
    reasons = [reason for piece in batch for reason in piece.request.reasons[piece.start : piece.stop]]
    found = predict_titles(served.classifier, titles, reasons, max(piece.request.top for piece in batch))
    pieces, start = [], 0
    for piece in batch:
        stop = start + piece.stop - piece.start
        pieces.append(found.part(start, stop, piece.request.top))
        start = stop
    return pieces
