# Example configuration.
