"""Stories: generators of actions that read the state again before each one."""
