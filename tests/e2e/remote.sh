# Servers for the cases of contexts and ADD: sourced by them after lib.sh. Everything is on the loopback interface.
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2020-01-02T03:04:05Z' GIT_COMMITTER_DATE='2020-01-02T03:04:05Z'
commit_time='2020-01-02 03:04'
servers=
stop_servers() {
    for pid in $servers; do
        kill "$pid" 2>/dev/null || true
    done
}
# Serves ./www (see serve.py); sets $url. The requests are in ./requests.
serve() { # serve [USER:PASSWORD]
    mkdir -p www
    rm -f port
    python3 "$E2E_HERE/serve.py" www port "$@" &
    servers="$servers $!"
    trap stop_servers EXIT
    wait_for 10 test -s port
    url=http://127.0.0.1:$(cat port)
}
asked() { # asked PATTERN: how many requests there were
    grep -c "$1" requests || true
}
# A working copy ./NAME whose pushes go to www/git/NAME.git.
repository() { # repository NAME
    mkdir -p "www/git/$(dirname "$1")"
    git init -q --bare -b trunk "www/git/$1.git"
    git init -q -b trunk "$1"
    git -C "$1" remote add origin "$PWD/www/git/$1.git"
}
push() { # push NAME [BRANCH]: commits all
    git -C "$1" add -A
    git -C "$1" commit -q -m "a commit"
    git -C "$1" push -q origin "HEAD:${2:-trunk}" --tags
    git -C "www/git/$1.git" update-server-info
}
# Builds `FROM scratch` and the given lines into ./root, with an empty context.
add() { # add LINES ARGS…
    mkdir -p empty
    printf 'FROM scratch\n%s\n' "$1" >add.Dockerfile
    shift
    rootfs -f add.Dockerfile "$@" empty
}
fails_add() { # fails_add LINES ARGS…
    mkdir -p empty
    printf 'FROM scratch\n%s\n' "$1" >add.Dockerfile
    shift
    fails 1 cbuild -f add.Dockerfile "$@" empty
}
