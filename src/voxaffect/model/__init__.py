"""Learning from frames: batches, trunks, the multi-task net, its loss and its training."""
