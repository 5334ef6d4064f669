"""For whom a system works, and for whom not."""
