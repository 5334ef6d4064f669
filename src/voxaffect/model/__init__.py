"""Multi-task nets on frames: data, trunks, losses, training, streaming inference."""
