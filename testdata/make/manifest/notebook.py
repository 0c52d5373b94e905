"""Writes a notebook as Jupyter does (nbformat): notebook.py FILE."""
import os
import sys

import nbformat

path = sys.argv[1]
os.makedirs(os.path.dirname(path), exist_ok=True)
book = nbformat.v4.new_notebook()
book.cells = [
    nbformat.v4.new_markdown_cell("Do not `!pip install nothing==1.0`, it says here."),
    nbformat.v4.new_code_cell('%pip install -q "flask==1.1.1" jinja2==2.10.1\nimport flask'),
    nbformat.v4.new_code_cell("!apt-get update && python -m pip install requests==2.19.0 --extra-index-url https://index.example.org/extra"),
    nbformat.v4.new_code_cell("%%bash\npip install -r requirements.txt\nuv pip install pillow==8.0.0"),
    nbformat.v4.new_code_cell("%conda install -y -c conda-forge scipy=1.2"),
    nbformat.v4.new_code_cell('import subprocess, sys\nsubprocess.check_call([sys.executable, "-m", "pip", "install", "urllib3==1.23"])\nprint("!pip install nothing==2")'),
]
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell{i}"
nbformat.validate(book)
nbformat.write(book, path)
