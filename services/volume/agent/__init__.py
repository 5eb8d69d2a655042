"""What runs beside a back end."""
