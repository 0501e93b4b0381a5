"""The commands of `inn8`, each in a process of its own or through click."""
