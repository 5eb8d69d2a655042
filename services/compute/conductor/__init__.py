"""Compute's conductor: the sagas that build, change and remove servers, and what agents ask and tell."""
