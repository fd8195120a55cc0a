"""How a version goes to one device, then to some, then to all, and stops by itself: pure, without store and clock."""
