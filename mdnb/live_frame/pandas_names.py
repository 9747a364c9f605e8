"""The pandas methods that a `LiveFrame` offers, with types: for editors, the Tab key and type checkers.

They read this instead of pandas' own source, which takes seconds. At run time each name is a frame's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["PandasNames", "pandas_names"]


class PandasNames:
    """Attributes and methods of `pandas.DataFrame` that read, and the columns of bars; declared, not made."""

    __slots__ = ()

    # The columns
    open: pd.Series[float]
    high: pd.Series[float]
    low: pd.Series[float]
    close: pd.Series[float]
    volume: pd.Series[float]
    tick_count: pd.Series[float]
    vwap: pd.Series[float]

    # Labels, sizes, values
    T: pd.DataFrame
    axes: list[Any]
    columns: pd.Index[str]
    dtypes: pd.Series[Any]
    empty: bool
    flags: Any
    index: pd.DatetimeIndex
    keys: Callable[[], pd.Index[str]]
    ndim: int
    shape: tuple[int, int]
    size: int
    values: np.ndarray[Any, Any]

    # Methods that return a frame
    abs: Callable[..., pd.DataFrame]
    add: Callable[..., pd.DataFrame]
    add_prefix: Callable[..., pd.DataFrame]
    add_suffix: Callable[..., pd.DataFrame]
    asfreq: Callable[..., pd.DataFrame]
    assign: Callable[..., pd.DataFrame]
    astype: Callable[..., pd.DataFrame]
    at_time: Callable[..., pd.DataFrame]
    between_time: Callable[..., pd.DataFrame]
    bfill: Callable[..., pd.DataFrame]
    clip: Callable[..., pd.DataFrame]
    combine: Callable[..., pd.DataFrame]
    combine_first: Callable[..., pd.DataFrame]
    compare: Callable[..., pd.DataFrame]
    convert_dtypes: Callable[..., pd.DataFrame]
    copy: Callable[..., pd.DataFrame]
    corr: Callable[..., pd.DataFrame]
    cov: Callable[..., pd.DataFrame]
    cummax: Callable[..., pd.DataFrame]
    cummin: Callable[..., pd.DataFrame]
    cumprod: Callable[..., pd.DataFrame]
    cumsum: Callable[..., pd.DataFrame]
    describe: Callable[..., pd.DataFrame]
    diff: Callable[..., pd.DataFrame]
    div: Callable[..., pd.DataFrame]
    divide: Callable[..., pd.DataFrame]
    drop: Callable[..., pd.DataFrame]
    drop_duplicates: Callable[..., pd.DataFrame]
    droplevel: Callable[..., pd.DataFrame]
    dropna: Callable[..., pd.DataFrame]
    eq: Callable[..., pd.DataFrame]
    explode: Callable[..., pd.DataFrame]
    ffill: Callable[..., pd.DataFrame]
    fillna: Callable[..., pd.DataFrame]
    filter: Callable[..., pd.DataFrame]
    floordiv: Callable[..., pd.DataFrame]
    ge: Callable[..., pd.DataFrame]
    gt: Callable[..., pd.DataFrame]
    infer_objects: Callable[..., pd.DataFrame]
    interpolate: Callable[..., pd.DataFrame]
    isin: Callable[..., pd.DataFrame]
    isna: Callable[..., pd.DataFrame]
    isnull: Callable[..., pd.DataFrame]
    join: Callable[..., pd.DataFrame]
    le: Callable[..., pd.DataFrame]
    lt: Callable[..., pd.DataFrame]
    map: Callable[..., pd.DataFrame]
    mask: Callable[..., pd.DataFrame]
    melt: Callable[..., pd.DataFrame]
    merge: Callable[..., pd.DataFrame]
    mod: Callable[..., pd.DataFrame]
    mode: Callable[..., pd.DataFrame]
    mul: Callable[..., pd.DataFrame]
    multiply: Callable[..., pd.DataFrame]
    ne: Callable[..., pd.DataFrame]
    nlargest: Callable[..., pd.DataFrame]
    notna: Callable[..., pd.DataFrame]
    notnull: Callable[..., pd.DataFrame]
    nsmallest: Callable[..., pd.DataFrame]
    pct_change: Callable[..., pd.DataFrame]
    pivot: Callable[..., pd.DataFrame]
    pivot_table: Callable[..., pd.DataFrame]
    pow: Callable[..., pd.DataFrame]
    query: Callable[..., pd.DataFrame]
    radd: Callable[..., pd.DataFrame]
    rank: Callable[..., pd.DataFrame]
    rdiv: Callable[..., pd.DataFrame]
    reindex: Callable[..., pd.DataFrame]
    reindex_like: Callable[..., pd.DataFrame]
    rename: Callable[..., pd.DataFrame]
    rename_axis: Callable[..., pd.DataFrame]
    reorder_levels: Callable[..., pd.DataFrame]
    replace: Callable[..., pd.DataFrame]
    reset_index: Callable[..., pd.DataFrame]
    rfloordiv: Callable[..., pd.DataFrame]
    rmod: Callable[..., pd.DataFrame]
    rmul: Callable[..., pd.DataFrame]
    round: Callable[..., pd.DataFrame]
    rpow: Callable[..., pd.DataFrame]
    rsub: Callable[..., pd.DataFrame]
    rtruediv: Callable[..., pd.DataFrame]
    sample: Callable[..., pd.DataFrame]
    select: Callable[..., pd.DataFrame]
    select_dtypes: Callable[..., pd.DataFrame]
    set_axis: Callable[..., pd.DataFrame]
    set_index: Callable[..., pd.DataFrame]
    shift: Callable[..., pd.DataFrame]
    sort_index: Callable[..., pd.DataFrame]
    sort_values: Callable[..., pd.DataFrame]
    sub: Callable[..., pd.DataFrame]
    subtract: Callable[..., pd.DataFrame]
    swaplevel: Callable[..., pd.DataFrame]
    take: Callable[..., pd.DataFrame]
    to_period: Callable[..., pd.DataFrame]
    to_timestamp: Callable[..., pd.DataFrame]
    transform: Callable[..., pd.DataFrame]
    transpose: Callable[..., pd.DataFrame]
    truediv: Callable[..., pd.DataFrame]
    truncate: Callable[..., pd.DataFrame]
    tz_convert: Callable[..., pd.DataFrame]
    tz_localize: Callable[..., pd.DataFrame]
    where: Callable[..., pd.DataFrame]
    xs: Callable[..., pd.DataFrame]

    # Methods that return a series
    all: Callable[..., pd.Series[Any]]
    any: Callable[..., pd.Series[Any]]
    corrwith: Callable[..., pd.Series[Any]]
    count: Callable[..., pd.Series[Any]]
    duplicated: Callable[..., pd.Series[Any]]
    idxmax: Callable[..., pd.Series[Any]]
    idxmin: Callable[..., pd.Series[Any]]
    kurt: Callable[..., pd.Series[Any]]
    kurtosis: Callable[..., pd.Series[Any]]
    max: Callable[..., pd.Series[Any]]
    mean: Callable[..., pd.Series[Any]]
    median: Callable[..., pd.Series[Any]]
    memory_usage: Callable[..., pd.Series[Any]]
    min: Callable[..., pd.Series[Any]]
    nunique: Callable[..., pd.Series[Any]]
    prod: Callable[..., pd.Series[Any]]
    product: Callable[..., pd.Series[Any]]
    sem: Callable[..., pd.Series[Any]]
    skew: Callable[..., pd.Series[Any]]
    std: Callable[..., pd.Series[Any]]
    sum: Callable[..., pd.Series[Any]]
    value_counts: Callable[..., pd.Series[Any]]
    var: Callable[..., pd.Series[Any]]

    # Methods that return something else, or what their arguments ask for
    agg: Callable[..., Any]
    aggregate: Callable[..., Any]
    align: Callable[..., Any]
    apply: Callable[..., Any]
    asof: Callable[..., Any]
    boxplot: Callable[..., Any]
    dot: Callable[..., Any]
    equals: Callable[..., bool]
    eval: Callable[..., Any]
    ewm: Callable[..., Any]
    expanding: Callable[..., Any]
    first_valid_index: Callable[..., Any]
    get: Callable[..., Any]
    groupby: Callable[..., Any]
    hist: Callable[..., Any]
    info: Callable[..., Any]
    items: Callable[..., Any]
    iterrows: Callable[..., Any]
    itertuples: Callable[..., Any]
    last_valid_index: Callable[..., Any]
    pipe: Callable[..., Any]
    plot: Any
    quantile: Callable[..., Any]
    resample: Callable[..., Any]
    rolling: Callable[..., Any]
    sparse: Any
    squeeze: Callable[..., Any]
    stack: Callable[..., Any]
    style: Any
    to_clipboard: Callable[..., Any]
    to_csv: Callable[..., Any]
    to_dict: Callable[..., Any]
    to_excel: Callable[..., Any]
    to_feather: Callable[..., Any]
    to_hdf: Callable[..., Any]
    to_html: Callable[..., Any]
    to_iceberg: Callable[..., Any]
    to_json: Callable[..., Any]
    to_latex: Callable[..., Any]
    to_markdown: Callable[..., Any]
    to_numpy: Callable[..., np.ndarray[Any, Any]]
    to_orc: Callable[..., Any]
    to_parquet: Callable[..., Any]
    to_pickle: Callable[..., Any]
    to_records: Callable[..., Any]
    to_sql: Callable[..., Any]
    to_stata: Callable[..., Any]
    to_string: Callable[..., Any]
    to_xarray: Callable[..., Any]
    to_xml: Callable[..., Any]
    unstack: Callable[..., Any]


def pandas_names() -> frozenset[str]:
    """Return the names.

    Examples
    --------
    >>> {"close", "describe", "columns", "resample"} <= pandas_names()
    True
    """
    return frozenset(PandasNames.__annotations__)
