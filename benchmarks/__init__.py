"""Questions about speed and accuracy, each answered by a run that saves its figures."""
