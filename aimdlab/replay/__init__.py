"""The replay: what a session holds, scored again from its raw bytes and compared with what was recorded."""
