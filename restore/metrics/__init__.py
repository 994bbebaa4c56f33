"""What measurement reports."""
