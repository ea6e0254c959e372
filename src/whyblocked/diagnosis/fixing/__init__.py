"""Fixes that were tested: what to change, made on a copy of the account and walked again.

Blockers become proposals (``filters``, ``ways``, ``gateways``, ``transits``, ``balancers``), proposals become plans
(``search``), and only a plan with which the whole question passes is told (``telling``): as a sentence, as commands
(``commands``), as Terraform (``terraform``), with what else it allows (``effects``). Nothing here changes AWS.

Imported only where an answer is blocked.
"""
