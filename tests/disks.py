"""Small file systems, which are soon full."""

import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def small_disk(folder, size):
    """Mounts a file system of `size` bytes at `folder`. Skips the test without the right to mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr}")
    try:
        yield folder
    finally:
        # Lazily: a process that the test has ended may still hold a file while the kernel frees it.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
