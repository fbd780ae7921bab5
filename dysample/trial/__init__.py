"""What a swap changes in a model, and what it costs.

`survey` is the function, although the module that defines it is called the same.
"""

from dysample.trial.advice import RULE, Advice, Standing, advise
from dysample.trial.decision import SWAPPABLE, Candidate, Decision, Question, decide
from dysample.trial.deploy import TRIES, Attempt, Try, attempts
from dysample.trial.plan import Placement, Plan, Start, planned, start_of, swap_by_plan
from dysample.trial.report import TrialReport
from dysample.trial.survey import PlacedSite, Survey, SurveyedSite, SwapCosts, survey, swap_costs

__all__ = [
    "RULE",
    "SWAPPABLE",
    "TRIES",
    "Advice",
    "Attempt",
    "Candidate",
    "Decision",
    "PlacedSite",
    "Placement",
    "Plan",
    "Question",
    "Standing",
    "Start",
    "Survey",
    "SurveyedSite",
    "SwapCosts",
    "TrialReport",
    "Try",
    "advise",
    "attempts",
    "decide",
    "planned",
    "start_of",
    "survey",
    "swap_by_plan",
    "swap_costs",
]
