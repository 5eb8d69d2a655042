"""The agent on a host: asks its conductor what the host's network should be, and has the drivers make it so."""
