"""Simulated emotional speech with known pitch, and miniature corpora made of it.

`voice.synthesize` speaks, `channel.Channel.record` records, `trees.simulate` writes whole corpora.
Wherever their numbers are shown, `trees.STAND_IN` is shown with them.
"""
