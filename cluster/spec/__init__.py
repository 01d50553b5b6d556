"""What is declared once: commands, options, errors, metrics."""
