"""What the scripts of this directory share: running, taking turns, printing medians and ratios."""
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def find_cbuild():
    for path in ("build/builder/cbuild", "builddir/builder/cbuild"):
        path = os.path.join(os.path.dirname(HERE), path)
        if os.access(path, os.X_OK):
            return path
    return shutil.which("cbuild")


def quiet(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        last = (done.stdout.decode(errors="replace").strip().splitlines() or [""])[-1]
        raise RuntimeError(f"exit status {done.returncode}: {last[:200]}")


def compare(title, n, rows):
    """rows: (name, before, measured); `before` is not measured, nor is the first round. What `measured` returns, in
    seconds, is taken for how long it took. The others are held against the first row, round by round: printed is the
    median of these ratios."""
    took, failed = {name: [] for name, _, _ in rows}, {}
    for number in range(n + 1):
        for name, before, measured in rows:
            if name in failed:
                continue
            try:
                before()
                began = time.monotonic()
                told = measured()
                if number:
                    took[name].append(time.monotonic() - began if told is None else told)
            except RuntimeError as e:
                failed[name] = e
    print(f"\n{title}")
    first = rows[0][0]
    for name, _, _ in rows:
        if name in failed or not took[name]:
            print(f"  {name:20} failed: {failed.get(name)}")
            continue
        ratio = statistics.median(a / b for a, b in zip(took[name], took[first])) if took[first] else 0
        print(f"  {name:20} median {statistics.median(took[name]) * 1000:9.1f} ms   least {min(took[name]) * 1000:9.1f} ms   "
              f"{ratio:7.2f} × {first}   n {len(took[name])}")
    sys.stdout.flush()
    return failed


def nothing():
    pass


def busybox(to):
    path = shutil.which("busybox")
    if not path:
        raise SystemExit("busybox is needed (Debian: busybox-static)")
    shutil.copy(path, to)


def context(scratch, name, dockerfile):
    path = os.path.join(scratch, name)
    os.mkdir(path)
    with open(os.path.join(path, "Dockerfile"), "w", encoding="ascii") as f:
        f.write(dockerfile)
    return path
