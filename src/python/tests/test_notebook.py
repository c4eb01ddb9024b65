"""The notebook runs from its first cell to its last, and its audit holds."""

import json
import unittest
from pathlib import Path

NOTEBOOK = Path(__file__).parents[3] / "docs/notebooks/first_audit.ipynb"


class Notebook(unittest.TestCase):
    def test_every_cell_runs(self):
        cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
        self.assertGreater(len(cells), 4)
        names = {}
        for place, cell in enumerate(cells):
            exec(compile("".join(cell["source"]), f"cell {place}", "exec"), names)
        self.assertGreater(names["auc"], 0.5)
        self.assertTrue(names["audit"].evidence)


if __name__ == "__main__":
    unittest.main()
