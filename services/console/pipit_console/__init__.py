"""The web console: look, label, learn, roll out."""
