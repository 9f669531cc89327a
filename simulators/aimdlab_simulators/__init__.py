"""A simulated test bench in a process of its own: instruments on real sockets, one world behind them, virtual time."""
