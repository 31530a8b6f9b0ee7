"""Tasks of rating prediction, ranking and clicks, each with its data, losses and metrics."""
