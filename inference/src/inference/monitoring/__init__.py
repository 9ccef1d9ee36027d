"""What watches served requests, off the event loop: drift, prediction log, shadow runs."""
