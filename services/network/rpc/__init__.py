"""The messages between the daemons of the network service."""
