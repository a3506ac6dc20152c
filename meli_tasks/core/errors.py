"""Every error this project raises on purpose.

MeliError
├── BadSettings        the environment: a variable missing or not understood
├── BadHyperparameters an unknown set, an unknown key, a value out of range
├── BadData            the source or its rows
├── MissingArtifact    a stage asked for a result that nobody has computed
├── StoreRefused       the store answered no: wrong keys, read-only, no such bucket, no conditional writes
├── StoreUnreachable   the store did not answer (worth a retry)
├── TrackingUnavailable MLflow did not answer or refused; what it was to be told is kept and told later
├── DamagedCopy        a file kept on this machine is not as it was written; it is made again (worth a retry)
├── MissingDevice      a card was asked for and this machine has none (another worker may)
├── LostCard           a process of a training on several cards ended before its time (a retry starts it again)
├── OutOfMemory        the card's memory is full even with the smallest batch (another worker may have more)
├── Conflict           somebody else moved the ledger first
├── Diverged           a loss that is not finite
├── FailedSearch       no trial of a search finished
├── Undelivered        a notice did not get through to the webhook or the mail server
└── NoSpace            the disk is full

Ours are permanent: the same input gives the same error, so a task fails at once. `StoreUnreachable`,
`TrackingUnavailable`, `DamagedCopy`, `MissingDevice`, `LostCard`, `OutOfMemory` and `Undelivered` say otherwise with
`permanent = False`. Whatever is not a MeliError may be retried.
"""


class MeliError(Exception):
    """What was seen, where, and what to do about it, in one message for a person."""

    permanent = True


class BadSettings(MeliError):
    """The environment holds a setting that is missing or cannot be understood."""


class BadHyperparameters(MeliError):
    """A set, a key or a value that the schema does not know or allow."""


class BadData(MeliError):
    """The source cannot be read, or too many of its rows cannot be used."""


class MissingArtifact(MeliError):
    """No manifest stands at the key that was asked for."""


class StoreRefused(MeliError):
    """The store answered and said no."""


class StoreUnreachable(MeliError):
    """The store did not answer; the next try may succeed."""

    permanent = False


class TrackingUnavailable(MeliError):
    """MLflow did not answer, or said no; `code` is its own word for why. Never a reason to stop a training."""

    permanent = False

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class DamagedCopy(MeliError):
    """What this machine keeps of a file is not as it was written; it has been given up, so a retry makes it again."""

    permanent = False


class MissingDevice(MeliError):
    """The device that was asked for is not on this machine; a retry may meet a worker that has it."""

    permanent = False


class LostCard(MeliError):
    """One of the processes that train together is gone; a retry starts all of them from the checkpoint."""

    permanent = False


class OutOfMemory(MeliError):
    """The card's memory is full even with the smallest batch; a retry may meet a worker that has more of it."""

    permanent = False


class Conflict(MeliError):
    """A compare-and-swap lost: somebody else wrote first."""


class Diverged(MeliError):
    """The loss stopped being finite; the message names the step and the last good loss."""


class FailedSearch(MeliError):
    """No trial of a search finished: they failed, or the minutes were too few; the message says which."""


class NoSpace(MeliError):
    """The disk is full; nothing half-written was left behind."""


class Undelivered(MeliError):
    """A webhook or a mail server did not take a notice. Never a reason to fail a run."""

    permanent = False
