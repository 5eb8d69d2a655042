"""One typed client per service: how services talk to each other over their public APIs."""
