"""The agent on a compute host: keeps its servers equal to what the conductor says, and does its jobs."""
