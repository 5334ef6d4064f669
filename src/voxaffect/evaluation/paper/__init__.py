"""The paper's own figures, and a run's beside them."""
