"""What handlers of compute's APIs find as `request.app`."""

from services.compute.domain.deps import Deps as State

__all__ = ["State"]
