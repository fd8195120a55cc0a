"""The skeleton of a task: what `pipit new-task` writes, from the texts in `templates/`.

services/<domain>/<domain>/<task>/   pipeline.py recipe.py data.py network.py task.py
services/<domain>/configs/           <task>-synthetic.yaml
services/<domain>/tests/<task>/      test_task.py
services/<domain>/pyproject.toml     the task's entry points
services/<domain>/                   all else that a domain has, where it is new
"""

from pipit.skeleton.write import FRAMEWORKS, INPUTS, Written, write_task

__all__ = ["FRAMEWORKS", "INPUTS", "Written", "write_task"]
