"""What is left of a system in noise, in rooms, on lines."""
