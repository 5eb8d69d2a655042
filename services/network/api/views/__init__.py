"""The JSON form of each noun."""
