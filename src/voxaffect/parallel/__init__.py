"""Parallel work on the processes of this machine or of a Ray or Dask cluster."""
