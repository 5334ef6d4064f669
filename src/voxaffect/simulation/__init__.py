"""Simulated emotional speech with known F0, and miniature corpora of it for tests and demos.

`voice.synthesize` generates speech, `voice.Channel.record` records it, and `trees.simulate` writes
the corpora that `plans` describes. `trees.SIMULATED_NOTICE` accompanies all results on them.
"""
