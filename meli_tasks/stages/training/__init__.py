"""The parts of the stage train: its set-up, and the worker processes that train on several GPUs."""
