"""Who acts in the state machine of tests/stateful/test_protocol.py, and how each step is judged."""
