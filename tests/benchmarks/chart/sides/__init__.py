"""What runs in the kernels: one small adapter a contender, all fed by the same `market.Market`.

An adapter imports its own package only: most kernels have none of the others.
"""

__all__ = ["LIBRARY_VARIABLE"]

LIBRARY_VARIABLE = "MDNB_BENCH_LWC5"
"""Names the file of npm's lightweight-charts, which lies in the cache folder."""
