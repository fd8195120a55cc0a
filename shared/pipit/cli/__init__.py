"""The `pipit` command: `main` puts it together; each command is a module of its own, imported when it is called."""
