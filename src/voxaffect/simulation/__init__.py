"""Simulated emotional speech with known pitch, and miniature corpora made of it.

`voice.synthesize` speaks, `channel.Channel.record` records, `trees.simulate` writes the corpora
that `plans` describes. Wherever their numbers are shown, `trees.STAND_IN` is shown with them.
"""
