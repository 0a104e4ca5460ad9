"""What the process tells about itself: metrics, structured logs and traces; never the text it inspects."""
