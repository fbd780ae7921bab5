"""The questions with the figures that pose and solve them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from app.shared.cache import cached
from app.views.quiz import figures, figures_counts, questions, reading
from app.views.quiz.figures import Illustration
from app.views.quiz.questions import F, Question


@dataclass(frozen=True, slots=True)
class QuizItem(Generic[F]):
    """A question, the figure that poses it, and the figure that solves it."""

    question: Callable[[], Question[F]]
    posed: Callable[[Question[F]], Illustration]
    solved: Callable[[Question[F]], Illustration]


ITEMS: Mapping[str, QuizItem[Any]] = {
    "start": QuizItem(cached(reading.start), figures.start_posed, figures.start_solved),
    "value": QuizItem(cached(reading.value), figures.value_posed, figures.value_solved),
    "arrow": QuizItem(cached(reading.arrow), figures.arrow_posed, figures.arrow_solved),
    "double": QuizItem(cached(questions.double), figures_counts.double_posed, figures_counts.double_solved),
    "touch": QuizItem(cached(questions.touch), figures_counts.touch_posed, figures_counts.touch_solved),
    "shuffle": QuizItem(
        cached(questions.shuffle), figures_counts.shuffle_posed, figures_counts.shuffle_solved
    ),
    "weight": QuizItem(cached(questions.weight), figures_counts.weight_posed, figures_counts.weight_solved),
    "border": QuizItem(cached(questions.border), figures.border_posed, figures.border_solved),
}
