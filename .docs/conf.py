"""How the documentation is built: ``make docs``.

It is strict: a warning ends the build. Links, names in single backticks and types of signatures have to lead
to what they name; only names of other packages are left as they are.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = "mdnb"
author = "The mdnb authors"
version = release = importlib.metadata.version("mdnb")

extensions = ["sphinx.ext.autodoc", "myst_nb", "numpydoc_reader", "names", "notebook_pages"]
nitpicky = True
default_role = "py:obj"

html_theme = "furo"
html_title = f"mdnb {release}"
html_static_path = ["static"]
html_css_files = ["mdnb.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 90

myst_heading_anchors = 3
nb_execution_mode = "off"  # shown as they are saved, with the pictures of their charts
nb_merge_streams = True
