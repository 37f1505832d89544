"""The main screen with its workspaces, and the dialogs above it."""
