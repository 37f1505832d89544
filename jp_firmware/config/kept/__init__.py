"""What is kept on the disk: the configuration in force, its secrets, every version of it."""
