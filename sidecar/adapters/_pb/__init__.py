"""Generated messages; made by `make proto`, never edited."""
