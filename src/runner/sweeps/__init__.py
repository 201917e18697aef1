"""Many runs of one config: each trial is a run, and all of them are in one parent run.

Read `sweep.py` first. Optuna chooses the values and keeps account of the trials.
"""
