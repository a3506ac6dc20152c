"""The parts of the stage train: its set-up, the training run, and the processes of one on several devices."""
