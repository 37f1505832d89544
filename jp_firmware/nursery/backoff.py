"""Back-off between restarts: how long a failing child waits before its next try. A value, not a timer."""

from __future__ import annotations

import random

import attrs
from attrs import validators


@attrs.frozen(kw_only=True)
class Backoff:
    """Doubles from `first_s` up to `cap_s`; forgotten once the child was up for `healthy_after_s`.

    With `jitter` 0.2 a delay is shortened by up to a fifth at random, so that many chargers do not come back in step.
    Without it the delays are exact, which is what devices on a private bus want.
    """

    first_s: float = attrs.field(default=0.1, validator=validators.ge(0))
    factor: float = attrs.field(default=2.0, validator=validators.ge(1))
    cap_s: float = attrs.field(default=30.0, validator=validators.ge(0))
    healthy_after_s: float = attrs.field(default=60.0, validator=validators.ge(0))
    jitter: float = attrs.field(default=0.0, validator=validators.and_(validators.ge(0), validators.lt(1)))

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after the `failures`-th failure in a row; none before the first."""
        if failures < 1:
            return 0.0
        # The exponent is bounded: a float overflows after years of failures, and the cap ruled long before.
        delay_s = min(self.cap_s, self.first_s * self.factor ** min(failures - 1, 64))
        return delay_s * (1.0 - self.jitter * random.random()) if self.jitter else delay_s
