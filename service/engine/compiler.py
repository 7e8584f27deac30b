"""What vLLM needs of a machine to compile a model for its CPU: a C++ compiler, and Python's headers."""

import os
import shutil
import sysconfig
from pathlib import Path

from service.errors import ConfigurationError


def check_compiler() -> None:
    """Look for both where PyTorch does.

    Raises:
        ConfigurationError: one is missing; what to install.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise ConfigurationError(
            f"compile_on_cpu needs a C++ compiler, and there is no {compiler}. Install g++, or leave it off."
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise ConfigurationError(
            f"compile_on_cpu needs Python's headers, and {headers} has no Python.h. Install them (python3-dev), or "
            "leave it off."
        )
