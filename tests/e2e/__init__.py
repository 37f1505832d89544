"""End-to-end tests: real processes on real ports; helpers of theirs say what they expected, as tests do."""

import pytest

pytest.register_assert_rewrite("tests.e2e.driving")
