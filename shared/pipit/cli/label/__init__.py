"""`pipit label`: what people say of a task's examples, from the command line."""
