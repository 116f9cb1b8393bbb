"""What every test shares: how Hypothesis runs, and an environment without settings of the person who runs them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "simpul", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True, derandomize=True
)
settings.load_profile("simpul")

for _name in [name for name in os.environ if name.startswith("SIMPUL_")]:
    del os.environ[_name]
