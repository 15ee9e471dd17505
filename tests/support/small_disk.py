"""A file that is a disk, for tests of what disks do; root can mount it."""

import shutil
import subprocess
from pathlib import Path

#: why a test that needs one is skipped
NO_DISK = "no disk can be mounted here (needs root, mkfs.ext4 and a loop device)"


def make_disk(image: Path) -> bool:
    """Make a file that is an empty disk; False where there is no program for it."""
    with image.open("wb") as file:
        file.truncate(400 * 2**20)
    return shutil.which("mkfs.ext4") is not None and _is_done("mkfs.ext4", "-q", image)


def mount(image: Path, root: Path) -> bool:
    """Mount a disk on a folder; False where that is not allowed."""
    return shutil.which("mount") is not None and _is_done("mount", "-o", "loop", image, root)


def unmount(root: Path) -> None:
    """Unmount a disk, also a busy one."""
    subprocess.run(["umount", "--lazy", str(root)], check=True)


def _is_done(*words: str | Path) -> bool:
    return subprocess.run([str(word) for word in words], capture_output=True, check=False).returncode == 0
