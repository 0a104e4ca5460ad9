"""One large library at a time: spaCy looks into every loaded module while it loads, and meets half of Presidio there."""

from __future__ import annotations

import threading
from typing import Final

# Held while Presidio or spaCy is imported; either may be, in a thread of its own, while the other is asked for.
LOADING: Final = threading.RLock()
