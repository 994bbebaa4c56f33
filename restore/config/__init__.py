"""Settings: plain values, checked at the door."""
