"""aimdlab: runs the test bench on which active implants are proven safe for MRI (ISO/TS 10974)."""

__version__ = "0.3.0"
