"""Run a command on another kernel: Debian's, in an emulated machine, over the files of this one.

Usage: python tools/machine/boot.py FOLDER COMMAND…

For what the kernel at hand may not offer: control groups of v2 that share out memory, a Landlock of
another version. The command runs in a group that is delegated as systemd does it, as root; nothing
that it writes lasts. The kernel's package is kept in FOLDER. Needs Debian's packages
`qemu-system-x86` and `busybox-static`, and its package index.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
MEMORY = "2G"
TIMEOUT_S = 1800
"""Emulated processors are about 20 times slower."""
MODULES = (  # what it takes to see the files of the machine around
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "net/9p/9pnet",
    "net/9p/9pnet_virtio",
    "fs/netfs/netfs",
    "fs/fscache/fscache",
    "fs/9p/9p",
    "fs/overlayfs/overlay",
)
ENVIRONMENT = """\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export TMPDIR=/dev/shm  # an overlay of this kernel has no files without a name
"""
DELEGATE = """\
group=/sys/fs/cgroup/service
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p $group/leaf
echo +memory > $group/cgroup.subtree_control
chown -R 65534:65534 $group
python3 -c "import os; os.setxattr('$group', 'user.delegate', b'1')"
echo $$ > $group/leaf/cgroup.procs
"""
_ENDED = re.compile(r"machine: the command ended with (\d+)")


def main(folder: Path, command: list[str]) -> int:
    """Boot, and return the exit code of `command`."""
    emulator = [_found("timeout"), str(TIMEOUT_S), _found("qemu-system-x86_64")]
    kernel = _kernel(folder)
    start = folder / "initrd"
    start.write_bytes(_archive(_files(kernel, command)))
    share = "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"
    machine = ["-machine", "q35", "-cpu", "max", "-smp", "2", "-m", MEMORY, "-virtfs", share]
    (image,) = (kernel / "boot").glob("vmlinuz-*")
    booting = ["-kernel", str(image), "-initrd", str(start), "-nographic", "-no-reboot"]
    options = ["-append", "console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off"]
    with subprocess.Popen(
        [*emulator, *machine, *booting, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as running:
        ended = None
        for line in running.stdout or ():
            print(line, end="", flush=True)
            ended = _ENDED.search(line) or ended
    return 1 if ended is None else int(ended[1])


def _kernel(folder: Path) -> Path:
    """Unpack Debian's kernel below `folder`, unless that was done before."""
    unpacked = folder / "kernel"
    if not unpacked.exists():
        folder.mkdir(parents=True, exist_ok=True)
        asked = [_found("apt-cache"), "depends", "linux-image-amd64"]
        depends = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        name = next(word for word in depends.split() if word.startswith("linux-image-6"))
        subprocess.run([_found("apt-get"), "download", name], cwd=folder, check=True)
        (package,) = folder.glob("linux-image-*.deb")
        part = folder / "part"
        subprocess.run([_found("dpkg-deb"), "--extract", str(package), str(part)], check=True)
        part.rename(unpacked)
    return unpacked


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        sys.exit(f"{program} is missing: apt-get install qemu-system-x86 busybox-static")
    return path


def _files(kernel: Path, command: list[str]) -> dict[str, bytes | None]:
    """List what the machine starts with: names, and contents; None is a folder."""
    (modules,) = (kernel / "lib/modules").iterdir()
    script = f"cd {shlex.quote(str(Path.cwd()))}\nexec {shlex.join(command)}\n"
    files: dict[str, bytes | None] = dict.fromkeys(
        ("bin", "modules", "proc", "dev", "root", "above", "below")
    )
    files["bin/busybox"] = Path(_found("busybox")).read_bytes()
    files["init"] = (HERE / "init").read_bytes()
    files["command"] = (ENVIRONMENT + DELEGATE + script).encode()
    for number, name in enumerate(MODULES):
        files[f"modules/{number:02}.ko"] = (modules / "kernel" / f"{name}.ko").read_bytes()
    return files


def _archive(files: dict[str, bytes | None]) -> bytes:
    """Pack files as the kernel unpacks them: cpio, "newc", see its `initramfs-buffer-format`."""
    packed = bytearray()
    for number, (name, data) in enumerate([*files.items(), ("TRAILER!!!", b"")], start=1):
        mode = 0o040755 if data is None else 0o100755
        content = data or b""
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        packed += b"070701" + b"".join(b"%08x" % field for field in fields)
        packed += name.encode() + b"\0"
        packed += b"\0" * (-len(packed) % 4) + content
        packed += b"\0" * (-len(packed) % 4)
    return bytes(packed)


if __name__ == "__main__":
    if len(sys.argv) < 3:  # noqa: PLR2004 - the folder and a command
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))
