"""The relay's own couriers, policy, turns, mapping and store, without process, disk or network, on a clock that jumps.

What the outside does, and how long everything takes, is drawn from a seed: a seed that fails, fails again.
"""
