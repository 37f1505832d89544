"""Keys as they are told: to people, to programs, to editors, and to whoever has mistyped one."""
