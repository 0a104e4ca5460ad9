"""The data path, sans-IO: extract -> normalise -> scan -> confirm -> decide -> mask; `engine.py` reads it top to bottom."""
