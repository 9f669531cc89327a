"""Gradient-induced malfunction, injected (ISO/TS 10974:2012, 20.2)."""

from __future__ import annotations

from aimdlab.procedures.injection.procedure import InjectionProcedure


class GradientInjected(InjectionProcedure):
    """Does the device work as labelled while IVAMP is injected into its leads?"""

    CLAUSE = "20.2"
