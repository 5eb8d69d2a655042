"""What every WSGI API shares: the app factory and the parts of a request's way through it."""
