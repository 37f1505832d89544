"""The `jp` command: its words in `command`, and what each of them does."""
