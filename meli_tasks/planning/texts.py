"""One text for each parameter of a run that both Airflow's form and the command line describe.

They name other parameters in plain words ("the date column"), since the form and the command line write names
differently. What only one of them can say, such as where a default comes from, it adds itself.
"""

SOURCE = (
    "Titles to read: a path, a glob, s3://, https:// or sample:rows=20000,seed=1. {ds} stands for the date of the run."
)
AS_OF = "Date of the run: it replaces {ds} in the source, and with a date column no newer title is used."
WINDOW_DAYS = (
    "Number of days of titles, up to and including the date of the run. {ds} is each of them in turn. With a date "
    "column, 1 means every title up to the date of the run."
)
DATE_COLUMN = (
    "Column that holds the date of each title, for a source that is a single growing table. Titles newer than the date "
    "of the run are not used."
)
LANGUAGE = "Keep only titles in this language."
RELIABLE_ONLY = "Keep only titles whose label is marked as reliable."
MAX_BAD_FRACTION = "Fraction of bad rows above which ingest fails."
MIN_CATEGORY_ROWS = "Minimum number of rows in a category; smaller categories are excluded."
GOLDEN = (
    "Titles that must keep their category: path or URL of a file with the columns title and category. A model that "
    "loses one is not promoted. By default golden.csv beside the source, or else in the store; none: no such titles."
)
SETS = "Hyperparameter sets to train. A set is a named hyperparameter configuration."
ENSEMBLE = "Combine the models of two or more sets into a weighted ensemble, and evaluate it like any other model."
FOLDS = (
    "Evaluate on all titles by 3 to 10 folds: each set is trained once more for each fold, without its titles. 0 "
    "evaluates on the test split; 1 does too, and then trains what may be promoted on the test titles as well."
)
PROMOTION = "Whether a better model becomes champion, and who decides."
FORCE = "Recompute everything, even results that already exist."
FROM_DATE = "First date, e.g. 2026-11-01."
TO_DATE = "Last date (inclusive)."
EVERY_DAYS = "Interval between dates, in days."
BACKFILL_PROMOTION = "Only evaluate the models, or let each run promote a better one, whatever its date."
AT_ONCE = "Maximum number of concurrent runs; by default the slots of the Airflow pool backfill."
SEARCH_FAMILY = "Model family to search."
