"""The training run: step, state, loop, journal."""
