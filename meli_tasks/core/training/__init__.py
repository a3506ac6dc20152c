"""The training loop: optimizers, schedule, loss, EMA, validation and distributed training."""
