"""The paper's 32 low-level descriptors: energy, MFCC, zero crossings, voicing, F0, and deltas."""
