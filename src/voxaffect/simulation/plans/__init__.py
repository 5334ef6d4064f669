"""Miniatures of corpora, one a file, by the name of the corpus."""

from __future__ import annotations

from voxaffect.simulation.plans.aibo import AIBO
from voxaffect.simulation.plans.emodb import EMODB
from voxaffect.simulation.plans.emovo import EMOVO
from voxaffect.simulation.plans.enterface import ENTERFACE
from voxaffect.simulation.plans.iemocap import IEMOCAP
from voxaffect.simulation.plans.ldc import LDC
from voxaffect.simulation.plans.plan import TreePlan
from voxaffect.simulation.plans.ravdess import RAVDESS
from voxaffect.simulation.plans.urdu import URDU

PAPER = ("aibo", "emodb", "enterface", "ldc", "iemocap")
"""The five corpora of Kim et al. (2017)."""

PLANS: dict[str, TreePlan] = {
    plan.corpus: plan for plan in (AIBO, EMODB, ENTERFACE, LDC, IEMOCAP, RAVDESS, EMOVO, URDU)
}
