"""How many examples a test with Hypothesis tries: the suite's profile says how many are one portion."""

from hypothesis import settings


def portions(number: float) -> settings:
    """So many times what the profile has: less for slow tests, more where there is much to find."""
    return settings(max_examples=max(1, round(number * settings().max_examples)))
