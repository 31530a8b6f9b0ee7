"""What a run leaves behind: checkpoints, models, progress, tracking and pictures."""
