"""What is on each part of the screen, as lines of text: pure functions of what the terminal knows."""
