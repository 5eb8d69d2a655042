"""What all tests share: hypothesis without a clock, for a slow day is no failure."""

from hypothesis import settings

settings.register_profile("altostack", deadline=None)
settings.load_profile("altostack")
