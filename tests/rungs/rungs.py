"""The rungs of privilege, as root can make them: in containers (tests/tools/container) and as the users of .ci/users."""
import os

CONTAINER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../tools/container")
USERS = os.environ.get("CHECK_USERS", "cbuild")


def user(kind):
    return lambda work: ["runuser", "-u", f"{USERS}-{kind}", "--", "env", f"HOME={work}/home-{kind}"]


def place(name):
    return lambda work: [CONTAINER, name, "-b", work, "--"]


# How a command gets to each rung, and where its store is there (None: on a volume; on a container's own root nothing can be
# stacked, and steps work in trees of copies). The first is what the others are held against.
RUNGS = {
    "root": (lambda work: [], None),
    "root-plain": (place("no-userns"), None),
    "range": (user("range"), None),
    "single": (user("single"), None),
    "identity": (place("podman"), None),
    "identity-userns": (place("kubernetes-userns"), None),
    "chroot": (place("docker"), None),
    "chroot-tree": (place("docker"), "/var/tmp/rungs"),
    "chroot-userns": (place("kubernetes-userns-default"), None),
    "chroot-enosys": (place("enosys"), None),
    "root-tree": (place("docker-privileged"), "/var/tmp/rungs"),
    "root-plain-tree": (place("chroot"), "/var/tmp/rungs"),
    "identity-tree": (place("podman"), "/var/tmp/rungs"),
    "userns-tree": (place("kubernetes-userns"), "/var/tmp/rungs"),
}
