"""What the block storage API's handlers work with: the domain's own dependencies."""

from services.volume.domain.deps import Deps as State

__all__ = ["State"]
