"""The live chart beside stock FigureWidget and its rivals, each in a JupyterLab and a Chromium of its own."""
