"""Messages inside a service: a contract is declared once, client and server derive from it."""
