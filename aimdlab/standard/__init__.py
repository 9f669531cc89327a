"""ISO/TS 10974 as data and pure functions, by clause and table."""

EDITION = "ISO/TS 10974:2012"
