"""One process that plays thousands of hypervisors, for scale tests and for the embedded profile.

Servers live in memory; nothing else is pretended: power states, devices, consoles, snapshots and resizes follow the same
rules as real ones, and every operation costs the same however many servers there are. Which operation fails or how long
it takes follows from the seed, the server and how often it was tried, not from the order of threads. Delays block the
calling thread, as a real hypervisor would.
"""
