"""The fast chart: a plotly `FigureWidget` with a front end of our own."""
