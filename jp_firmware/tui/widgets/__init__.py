"""The few widgets the terminal needs: they draw lines, and redraw only those that changed."""
