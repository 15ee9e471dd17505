"""One fold: its models and baselines on the sessions of the patients that it tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.evaluation.baselines import Baselines
from gliofill.evaluation.panels import Panel
from gliofill.evaluation.reliability import Reliability, measure_reliability
from gliofill.evaluation.scoring import Predicted, Score, method_order, score_session
from gliofill.evaluation.trained_models import predict_session
from gliofill.learning.models.folder import Model
from gliofill.learning.runtime import Runtime
from gliofill.learning.training.split import Fold
from gliofill.learning.volumes.cache import load_cached
from gliofill.learning.volumes.cases import Case, Volume
from gliofill.synthesis.volume import Source


@dataclass
class Findings:
    """What the sessions evaluated so far gave.

    Attributes
    ----------
    scores, reliability
        For the tables.
    panels
        By folder of the session.
    failures
        By folder of the session: why it could not be evaluated.
    """

    scores: list[Score] = field(default_factory=list)
    reliability: list[Reliability] = field(default_factory=list)
    panels: dict[str, Panel] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FoldEvaluation:
    """What the sessions of one fold have in common while they are evaluated.

    Attributes
    ----------
    task, number
        What is predicted, and the number of the fold.
    models
        By label; at least one.
    panel_method
        Whose predictions are kept as pictures.
    runtime
        Its threads score methods side by side; networks take the threads that the environment gives PyTorch.
    """

    task: Task
    number: int
    models: Mapping[str, Model]
    panel_method: str
    runtime: Runtime

    def run(self, fold: Fold, cases: Sequence[Case], findings: Findings) -> None:
        """Fit the baselines on the fold's training sessions, evaluate those that it tests, and note what was found.

        Parameters
        ----------
        fold
            Who is in which set.
        cases
            The sessions of everybody.
        findings
            Are added to.

        Raises
        ------
        GliofillError
            If the baselines cannot be fitted.
        """
        training = [case for case in cases if case.participant in fold.train]
        tested = [case for case in cases if case.participant in fold.test]
        self.runtime.log(f"{self._title}: {', '.join(self.models)} on {len(tested)} sessions")
        if missing := sorted(set(fold.test) - {case.participant for case in tested}):
            self.runtime.log(f"{self._title}: no complete session, not tested: {', '.join(missing)}")
        baselines = Baselines.fit(self._readable(training, findings))
        for volume in self._readable(tested, findings):
            try:
                self._evaluate(volume, baselines, findings)
            except (GliofillError, OSError, ValueError) as error:
                self._fail(volume.case, error, findings)

    @property
    def _title(self) -> str:
        return f"{self.task.name} fold {self.number}"

    def _readable(self, cases: Iterable[Case], findings: Findings) -> Iterator[Volume]:
        crop_minimum = next(iter(self.models.values())).training.crop_minimum
        for case in cases:
            try:
                volume = load_cached(case, crop_minimum=crop_minimum, cache=self.runtime.cache)
            except (GliofillError, OSError, ValueError) as error:
                self._fail(case, error, findings)
            else:
                yield volume

    def _fail(self, case: Case, error: Exception, findings: Findings) -> None:
        findings.failures[case.folder] = str(error)
        self.runtime.log(f"{self._title}: {case.folder} failed: {error}")

    def _evaluate(self, volume: Volume, baselines: Baselines, findings: Findings) -> None:
        source = Source.read(volume.case.source, volume.case.brain)
        predictions = {method: Predicted(image) for method, image in baselines.predict(volume.source).items()}
        for label in method_order(self.models):
            predictions[label] = predict_session(self.models[label], source, volume, device=self.runtime.device)
        task, fold = self.task.name, self.number
        scores = score_session(volume, predictions, task=task, fold=fold, threads=self.runtime.threads or 1)
        reliability = [
            each
            for label, model in self.models.items()
            if model.calibration
            for each in measure_reliability(
                volume, predictions[label], task=task, fold=fold, method=label, stated=model.calibration.coverage
            )
        ]
        # noted only when all of it is there: a session that fails half-way leaves nothing behind
        findings.scores += scores
        findings.reliability += reliability
        ssim = {score.method: score.ssim for score in scores}
        if self.panel_method in ssim:
            panel = Panel.of(volume, predictions[self.panel_method], ssim[self.panel_method])
            findings.panels.setdefault(volume.case.folder, panel)
        self.runtime.log(
            f"{volume.case.folder}: SSIM " + ", ".join(f"{method} {value:.3f}" for method, value in ssim.items())
        )
