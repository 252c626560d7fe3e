"""``doctor``: what works between here and live odds, step by step.

``report`` holds what is told; ``network`` tries name, connection, TLS and clock
with the standard library, so that its verdict does not depend on what it
examines; ``service`` tries key, plan, socket and refetch with the library as
users use it; ``command`` prints.
"""

from .command import run
from .report import Report, Step, Verdict
from .service import Target, diagnose

__all__ = ["Report", "Step", "Target", "Verdict", "diagnose", "run"]
