"""The worker: a disposable process that holds one script engine and no secrets."""
