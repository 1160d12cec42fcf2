"""Timings of the engine, as ratios taken in one run; `python -m benchmarks` prints them all."""
