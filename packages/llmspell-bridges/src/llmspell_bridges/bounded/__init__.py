"""Work on hostile data, in a child process that has little time and memory."""
