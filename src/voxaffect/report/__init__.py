"""Reports: tables, figures and text of results; nothing is computed here."""
