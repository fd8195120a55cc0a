"""What the model cards of both tasks say."""

FORGOTTEN = "Pictures are looked at on the device and forgotten."
