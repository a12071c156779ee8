"""Looking into media files of strangers: always in a child process, never in the relay itself."""
