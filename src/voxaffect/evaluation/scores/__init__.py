"""What a run came to: tables, intervals, comparisons."""
