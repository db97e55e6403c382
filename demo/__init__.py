"""`make demo`: the main job on real input, from a steward's signature to a blocked load, in a scratch folder."""
