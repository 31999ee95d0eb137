/* Flags of docker run and podman run that ask for what `cbuild run` does anyway, or for what it cannot do: most of them are about
 * a container that stays, and here none does. */
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"

static const char detach_why[] = "there is no daemon that would keep the command running";
static const char detach_hint[] = "a shell puts it into the background: cbuild run IMAGE COMMAND & (or systemd-run --user)";
static const char ports_why[] = "the network of a sandbox leads out, not in";
static const char ports_hint[] = "--network host: what the command listens on is a port of this machine";
static const char address_why[] = "the network of a sandbox has the address of this machine";
static const char no_name[] = "no container stays that could be found by it";
static const char no_id[] = "no container stays that has an ID";
static const char metadata[] = "no container stays that could carry it";
static const char signals[] = "there is no 'stop': signals that cbuild gets are passed on";
static const char streams[] = "what the command prints goes to the streams of cbuild";
static const char health_why[] = "health checks are not run: nobody asks for their result";
static const char no_health[] = "health checks are not run";
static const char kernel_why[] = "the kernel or its control groups no longer have it";
static const char windows_why[] = "it is for containers of Windows";
static const char device_why[] = "devices of the machine are not given away";
static const char ids_why[] = "the ids in a sandbox are those that /etc/subuid and /etc/subgid give to whoever runs it";
static const char groups_why[] = "the groups of the command are those that its user has in the image";
static const char volumes_why[] = "there are no volumes with names";
static const char volumes_hint[] = "--volume DIR:DST shows a directory of the host";
static const char pod_why[] = "there are no pods";
static const char daemon_why[] = "there is no daemon";
static const char runtime_why[] = "cbuild runs commands itself, without an OCI runtime";
static const char file_why[] = "what a sandbox finds there is made for it, or comes with the image";
static const char fds_why[] = "no open file of the caller gets into a sandbox";
static const char init_done[] = "a signal that the command has no handler for ends it, and what it leaves behind ends with it";

static const struct cli_option options[] = {
    CLI_VALUE("annotation", 0, "*", NULL, NULL, metadata),
    CLI_VALUE("attach", 'a', "stdin|stdout|stderr|STDIN|STDOUT|STDERR", "it is not one of stdin, stdout, stderr", NULL,
              "all are passed on, standard input with -i"),
    CLI_VALUE("blkio-weight", 0, "0", "no such limit is set", "--device-read-bps and --device-write-bps limit a device"),
    CLI_VALUE("blkio-weight-device", 0, NULL, "no such limit is set", "--device-read-bps and --device-write-bps limit a device"),
    CLI_VALUE("cgroup-conf", 0, NULL, "limits have options of their own", "--memory, --cpus, --pids-limit and their relatives"),
    CLI_VALUE("cgroups", 0, "enabled|disabled|no-conmon", "it is no mode", NULL,
              "there is a control group where a limit asks for one"),
    CLI_VALUE("chrootdirs", 0, NULL, file_why, NULL),
    CLI_VALUE("cidfile", 0, NULL, no_id, NULL),
    CLI_VALUE("conmon-pidfile", 0, NULL, daemon_why, NULL),
    CLI_VALUE("cpu-count", 0, "0", windows_why, "--cpus N"),
    CLI_VALUE("cpu-percent", 0, "0", windows_why, "--cpus N"),
    CLI_VALUE("cpu-rt-period", 0, "0", kernel_why, "--cpu-period and --cpu-quota limit processor time"),
    CLI_VALUE("cpu-rt-runtime", 0, "0", kernel_why, "--cpu-period and --cpu-quota limit processor time"),
    CLI_VALUE("decryption-key", 0, NULL, "encrypted images are not read", "skopeo copy --decryption-key KEY writes one that is"),
    CLI_SWITCH("detach", 'd', "false", detach_why, detach_hint),
    CLI_VALUE("detach-keys", 0, "*", NULL, NULL, "all keys go to the command"),
    CLI_VALUE("device", 0, NULL, device_why, NULL),
    CLI_VALUE("device-cgroup-rule", 0, NULL, device_why, NULL),
    CLI_SWITCH("disable-content-trust", 0, "true", "signatures of images (Notary) are not checked",
               "name the image by digest: IMAGE@sha256:..."),
    CLI_VALUE("domainname", 0, NULL, "a sandbox has a host name only", "--hostname NAME.DOMAIN"),
    CLI_SWITCH("env-host", 0, "false", "the environment of the caller may hold secrets", "-e NAME passes one variable on"),
    CLI_VALUE("env-merge", 0, NULL, "values are taken as they are given", "-e NAME=VALUE"),
    CLI_VALUE("expose", 0, "*", NULL, NULL, "it publishes nothing, here or there"),
    CLI_VALUE("gidmap", 0, NULL, ids_why, NULL),
    CLI_VALUE("gpus", 0, NULL, device_why, NULL),
    CLI_VALUE("group-add", 0, NULL, groups_why, "--user USER:GROUP"),
    CLI_VALUE("group-entry", 0, NULL, file_why, "--volume FILE:/etc/group:ro"),
    CLI_VALUE("health-cmd", 0, "none", health_why, NULL, no_health),
    CLI_VALUE("health-interval", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-log-destination", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-max-log-count", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-max-log-size", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-on-failure", 0, "none", health_why, NULL, no_health),
    CLI_VALUE("health-retries", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-start-interval", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-start-period", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-startup-cmd", 0, NULL, health_why, NULL),
    CLI_VALUE("health-startup-interval", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-startup-retries", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-startup-success", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-startup-timeout", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("health-timeout", 0, "*", NULL, NULL, no_health),
    CLI_VALUE("hosts-file", 0, "image|none", file_why, "--add-host NAME:IP, or --volume FILE:/etc/hosts:ro"),
    CLI_VALUE("hostuser", 0, NULL, file_why, NULL),
    CLI_VALUE("image-volume", 0, "anonymous|bind|ignore", "a VOLUME of the image is a directory like others", "--tmpfs DIR",
              "a VOLUME of the image is a directory that goes with the command"),
    CLI_SWITCH("init", 0, "*", NULL, NULL, init_done),
    CLI_VALUE("init-path", 0, "*", NULL, NULL, init_done),
    CLI_VALUE("io-maxbandwidth", 0, NULL, windows_why, "--device-read-bps and --device-write-bps"),
    CLI_VALUE("io-maxiops", 0, NULL, windows_why, "--device-read-iops and --device-write-iops"),
    CLI_VALUE("ip", 0, NULL, address_why, NULL),
    CLI_VALUE("ip6", 0, NULL, address_why, NULL),
    CLI_VALUE("isolation", 0, "default", windows_why, NULL),
    CLI_VALUE("kernel-memory", 0, NULL, kernel_why, "--memory SIZE"),
    CLI_VALUE("label", 'l', "*", NULL, NULL, metadata),
    CLI_VALUE("label-file", 0, "*", NULL, NULL, metadata),
    CLI_VALUE("link", 0, NULL, daemon_why, "--add-host NAME:IP"),
    CLI_VALUE("link-local-ip", 0, NULL, address_why, NULL),
    CLI_VALUE("log-driver", 0, "*", NULL, NULL, streams),
    CLI_VALUE("log-opt", 0, "*", NULL, NULL, streams),
    CLI_VALUE("mac-address", 0, NULL, address_why, NULL),
    CLI_VALUE("memory-swappiness", 0, "-1", kernel_why, "--memory-swap SIZE"),
    CLI_VALUE("name", 0, "*", NULL, NULL, no_name),
    CLI_VALUE("net-alias", 0, NULL, ports_why, NULL),
    CLI_VALUE("network-alias", 0, NULL, ports_why, NULL),
    CLI_SWITCH("no-healthcheck", 0, "*", NULL, NULL, no_health),
    CLI_SWITCH("no-hostname", 0, "true", "/etc/hostname is that of the image", NULL, "/etc/hostname is that of the image"),
    CLI_SWITCH("no-hosts", 0, "false", "a sandbox has an /etc/hosts with its own name and those of --add-host", NULL),
    CLI_SWITCH("oom-kill-disable", 0, "false", kernel_why, "--memory SIZE is what it is killed beyond"),
    CLI_VALUE("oom-score-adj", 0, "0", "what a command is worth stays as for cbuild",
              "choom -n 500 -- cbuild run: its commands inherit it"),
    CLI_SWITCH("passwd", 0, "*", NULL, NULL, "/etc/passwd is that of the image"),
    CLI_VALUE("passwd-entry", 0, NULL, file_why, "--volume FILE:/etc/passwd:ro"),
    CLI_VALUE("personality", 0, NULL, "it is for programs of other systems", "setarch, in the image, sets it"),
    CLI_VALUE("pidfile", 0, NULL, "the process ids in a sandbox are its own", NULL),
    CLI_VALUE("pod", 0, NULL, pod_why, NULL),
    CLI_VALUE("pod-id-file", 0, NULL, pod_why, NULL),
    CLI_VALUE("preserve-fd", 0, NULL, fds_why, "-i passes standard input on, --volume files"),
    CLI_VALUE("preserve-fds", 0, "0", fds_why, "-i passes standard input on, --volume files"),
    CLI_VALUE("publish", 'p', NULL, ports_why, ports_hint),
    CLI_SWITCH("publish-all", 'P', "false", ports_why, ports_hint),
    CLI_VALUE("rdt-class", 0, NULL, "no such limit is set", NULL),
    CLI_SWITCH("read-only-tmpfs", 0, "false", "what is read-only is all of it", "--read-only --tmpfs /tmp --tmpfs /run"),
    CLI_SWITCH("replace", 0, "*", NULL, NULL, no_name),
    CLI_VALUE("requires", 0, NULL, daemon_why, NULL),
    CLI_VALUE("restart", 0, "no", "it is run once", "systemd-run -p Restart=on-failure cbuild run ..."),
    CLI_SWITCH("rmi", 0, "false", "images stay", "cbuild rmi NAME"),
    CLI_SWITCH("rootfs", 0, "false", "a command is run in an image of the store",
               "FROM scratch with COPY . / makes one of a directory"),
    CLI_VALUE("runtime", 0, "crun|runc|io.containerd.runc.v2", runtime_why, NULL, "commands are confined as by these"),
    CLI_VALUE("sdnotify", 0, "ignore", daemon_why, NULL),
    CLI_VALUE("seccomp-policy", 0, "default", "images bring no profiles", "--security-opt seccomp=FILE"),
    CLI_VALUE("secret", 0, NULL, "there is no store of secrets", "--volume FILE:/run/secrets/NAME:ro"),
    CLI_VALUE("shm-size-systemd", 0, NULL, "systemd is not set up as an init", NULL),
    CLI_VALUE("stop-signal", 0, "*", NULL, NULL, signals),
    CLI_VALUE("stop-timeout", 0, "*", NULL, NULL, signals),
    CLI_VALUE("subgidname", 0, NULL, ids_why, NULL),
    CLI_VALUE("subuidname", 0, NULL, ids_why, NULL),
    CLI_VALUE("sysctl", 0, NULL, "settings of the kernel stay as they are in a new sandbox", NULL),
    CLI_VALUE("systemd", 0, "false", "systemd is not set up as an init", "--init"),
    CLI_VALUE("tz", 0, NULL, file_why, "-e TZ=AREA/CITY, where the image knows time zones"),
    CLI_VALUE("uidmap", 0, NULL, ids_why, NULL),
    CLI_VALUE("umask", 0, "0022|022", "the command begins with 0022", "--entrypoint sh IMAGE -c 'umask 027; exec COMMAND'"),
    CLI_VALUE("unsetenv", 0, NULL, "variables of the image stay", "-e NAME= makes one empty"),
    CLI_SWITCH("unsetenv-all", 0, "false", "variables of the image stay", "-e NAME= makes one empty"),
    CLI_SWITCH("use-api-socket", 0, "false", daemon_why, NULL),
    CLI_VALUE("volume-driver", 0, "local", volumes_why, volumes_hint),
    CLI_VALUE("volumes-from", 0, NULL, volumes_why, volumes_hint),
};

const struct cli_table cli_container_options = {options, CB_LEN(options)};
