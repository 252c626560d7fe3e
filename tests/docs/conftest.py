"""The documentation's tests; ASan has nothing to find here that others miss."""

import os

if os.environ.get("SGO_SANITIZER"):
    collect_ignore_glob = ["test_*.py"]
