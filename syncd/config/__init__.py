"""The operator's file, and how any file of the admins is read: with positions, and all problems in one report.

What a mapping or the lead definition may say is left to syncd.mapping.
"""

from syncd.config.settings import (
    Brakes,
    Config,
    Log,
    SystemConfig,
    Web,
    connector_problems,
    load,
    settings_problems,
)
from syncd.config.yaml import Place, Problem, Problems

__all__ = [
    "Brakes",
    "Config",
    "Log",
    "Place",
    "Problem",
    "Problems",
    "SystemConfig",
    "Web",
    "connector_problems",
    "load",
    "settings_problems",
]
