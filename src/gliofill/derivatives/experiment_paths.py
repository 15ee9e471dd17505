"""Names of the files of an experiment, relative to the output folder.

`task`, `fold` and `label` are words: the name of a task, the number of a fold of the split, the name of a model. The
wildcards of a rule, as ``"{task}"``, and patterns, as ``"*"``, are words, too.
"""

#: folder of the experiment
ROOT = "experiment"

#: the division of the patients, and how equal its sets are
SPLIT = f"{ROOT}/split.tsv"
SPLIT_BALANCE = f"{ROOT}/split_balance.tsv"
#: scaled volumes, kept for the next run
CACHE = f"{ROOT}/cache"
FIGURES = f"{ROOT}/figures"

#: what a study leaves in its folder: the best settings as a recipe, and every trial
BEST, TRIALS = "best.yaml", "trials.tsv"

#: the tables of an evaluation in its folder
EVALUATION_TABLES = ("metrics.tsv", "summary.tsv", "comparisons.tsv", "calibration.tsv", "failures.tsv")
#: the figures that every evaluation draws
EVALUATION_FIGURES = ("panels", "scores", "calibration")


def study(task: str) -> str:
    """Return the folder of the search for the best recipe of a task."""
    return f"{ROOT}/tune/{task}"


def best_recipe(task: str) -> str:
    """Return the recipe that the tuning of a task found.

    Examples
    --------
    >>> best_recipe("T2w-to-FLAIR")
    'experiment/tune/T2w-to-FLAIR/best.yaml'
    """
    return f"{study(task)}/{BEST}"


def trials(task: str) -> str:
    """Return the table of all trials of a study."""
    return f"{study(task)}/{TRIALS}"


def study_worker(task: str, number: int | str) -> str:
    """Return the note that a worker of a study has ended."""
    return f"{study(task)}/worker-{number}.done"


def models(task: str) -> str:
    """Return the folder of the models of a task."""
    return f"{ROOT}/models/{task}"


def model(task: str, fold: int | str, label: str) -> str:
    """Return the description of a model; the rest of the model lies beside it.

    Examples
    --------
    >>> model("T2w-to-FLAIR", 1, "lesion")
    'experiment/models/T2w-to-FLAIR/fold-1/lesion/model.json'
    """
    return f"{models(task)}/fold-{fold}/{label}/model.json"


def evaluation(task: str) -> str:
    """Return the folder of the evaluation of a task."""
    return f"{ROOT}/evaluation/{task}"


def failures(task: str) -> str:
    """Return the table of the sessions that could not be evaluated."""
    return evaluation_tables(task)[-1]


def evaluation_tables(task: str) -> list[str]:
    """Return the tables of the evaluation of a task."""
    return [f"{evaluation(task)}/{table}" for table in EVALUATION_TABLES]


def figure(task: str, name: str) -> str:
    """Return a figure of a task.

    Examples
    --------
    >>> figure("T2w-to-FLAIR", "trials")
    'experiment/figures/T2w-to-FLAIR_trials.png'
    """
    return f"{FIGURES}/{task}_{name}.png"


def evaluation_figures(task: str) -> list[str]:
    """Return the figures of the evaluation of a task."""
    return [figure(task, name) for name in EVALUATION_FIGURES]
