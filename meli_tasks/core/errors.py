"""Every error that this project raises on purpose.

MeliError
├── BadSettings             an environment variable or a file of settings: missing, or not understood
├── BadHyperparameters      a set, an override or a request: unknown key, value out of range, ambiguous
├── BadData                 a source or its rows
├── NotFound                nothing has that name: an artifact, a plan, a run, a model, a decision, a file
├── Rejected                a server or disk refused: keys, permissions, a full store, an unsupported operation
│   └── TrackingRejected    MLflow refused; `code` is its error code
├── Conflict                the object is in another state: another writer was first, a run has ended
├── Diverged                a loss that is not finite
└── Unreachable             not available now: a store, Airflow, MLflow, a device, a worker, a whole local copy
    ├── TrackingUnavailable MLflow did not answer; its records are kept and sent later
    ├── DiskFull            no space on this worker's disk
    └── OutOfMemory         the device's memory is full even with the smallest batch
        └── StepOutOfMemory the memory of one of several devices is full; a smaller batch may fit

What a retry may fix follows from the class. The same input gives the same error, so a task that raises one of these
fails without a retry, except for `Unreachable` and its subclasses: when it is retried, the server may be back, or
another worker may have the device, the memory or the space. An error that is not a MeliError is unexpected and may be
retried too, though only a few times: docs/adr/0023-retries-by-kind.md.

A subclass exists only where a caller catches it apart from its parent: tracking must never fail a training, a search
goes on after a trial that does not fit into memory, several devices try a smaller batch, and what a full disk refused
was certainly not written.
"""

from __future__ import annotations

from typing import ClassVar


class MeliError(Exception):
    """One message for a person: what was found, where, and what to do about it."""

    retryable: ClassVar[bool] = False


class BadSettings(MeliError):
    """The environment holds a setting that is missing or cannot be understood."""


class BadHyperparameters(MeliError):
    """A set, an override or a request holds a key or a value that is unknown or not allowed."""


class BadData(MeliError):
    """The source cannot be read, or too many of its rows cannot be used."""


class NotFound(MeliError):
    """Nothing exists under the name or key that was requested."""


class Rejected(MeliError):
    """A store, a disk, Airflow, MLflow or a mail server answered, and refused."""


class TrackingRejected(Rejected):
    """MLflow refused a request. Never a reason to stop a training run.

    Args:
        message: For a person.
        code: MLflow's error code, such as RESOURCE_DOES_NOT_EXIST, or the HTTP status if it gave none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Conflict(MeliError):
    """A compare-and-swap lost because another writer was first, or the object is in another state than required."""


class Diverged(MeliError):
    """The loss stopped being finite; the message names the step and the last good loss."""


class Unreachable(MeliError):
    """A server, a device or a worker is not available now; the next try may succeed."""

    retryable = True


class TrackingUnavailable(Unreachable):
    """MLflow did not answer. Never a reason to stop a training run: what it should record is kept and sent later."""


class DiskFull(Unreachable):
    """No space on the disk of this worker; a retry may run on another one, or after some was freed."""


class OutOfMemory(Unreachable):
    """The device's memory is full even with the smallest batch; a retry may run on a worker that has more memory."""


class StepOutOfMemory(OutOfMemory):
    """The memory of one of several devices that train together is full; all start again with smaller batches."""


TRACKING_ERRORS = (TrackingUnavailable, TrackingRejected)
"""Whatever keeps MLflow from recording something, for an `except` clause."""
