"""What is printed: tables, figures, sentences, and the page of a run. Formats, never computes."""
