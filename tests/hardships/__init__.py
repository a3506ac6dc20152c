"""Runs under hardship: killed, without memory or disk, with wrong clocks, racing, through servers that fail."""
