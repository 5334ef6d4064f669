"""Who may train on whom, and what is shared all the same."""
