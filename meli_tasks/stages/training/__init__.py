"""What the stage train is made of: setup, and the worker processes of a training on several GPUs."""
