"""What a child process that touches strangers' files may use of the machine. Called in it, before it touches one.

Two kinds of bounds. How much (`limits`): memory, time, bytes on disk. And what (`closing`): one file that it may open,
and the few system calls that it takes to decode what is open already. Whoever takes the process over through a bug in a
decoder finds no secret in it, no file, no other process and no network.
"""
