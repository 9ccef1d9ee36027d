"""What is counted: requests, runs, answers and events, in memory that all workers share."""
