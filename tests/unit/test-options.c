#include "build-request.h"
#include "builder/cli/options/help.h"
#include "builder/output/output.h"
#include "builder/share/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#define MAX_WORDS 12

/* Splits at blanks; `argv` borrows from `text`. */
static int split(char *text, char **argv)
{
    int n = 0;
    for (char *word = text; *word;) {
        size_t len = strcspn(word, " ");
        assert_true(n < MAX_WORDS);
        argv[n++] = word;
        word += len;
        while (*word == ' ')
            *word++ = 0;
    }
    return n;
}

static int parse(const char *line, struct build_request *r, struct cb_error *err)
{
    static char text[1024]; /* the request may not keep pointers into it */
    char *argv[MAX_WORDS + 1] = {NULL};
    snprintf(text, sizeof(text), "%s", line);
    int result = parse_build(split(text, argv), argv, r, err);
    memset(text, 'x', sizeof(text) - 1);
    return result;
}

static void fails_with(const char *line, const char *message)
{
    struct build_request r = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (parse(line, &r, &err) == 0)
        fail_msg("'%s' is accepted", line);
    if (!strstr(err.msg, message))
        fail_msg("'%s': \"%s\" is not in \"%s\"", line, message, err.msg);
    if (err.code != CB_E_USAGE)
        fail_msg("'%s': code %d", line, (int)err.code);
    build_request_done(&r);
}

static void accept(const char *line, struct build_request *r)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    *r = (struct build_request){0};
    if (parse(line, r, &err) < 0)
        fail_msg("'%s': %s", line, err.msg);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------- */

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *tag, *file;
        bool no_cache, quiet;
    } cases[] = {
        {".", NULL, NULL, false, false},
        {"-t a:1 .", "a:1", NULL, false, false},
        {"-ta:1 .", "a:1", NULL, false, false},
        {"-t=a:1 .", "a:1", NULL, false, false},
        {"--tag a:1 .", "a:1", NULL, false, false},
        {"--tag=a:1 .", "a:1", NULL, false, false},
        {". -t a:1", "a:1", NULL, false, false},
        {"-qt a:1 .", "a:1", NULL, false, true},
        {"-qfx .", NULL, "x", false, true},
        {"-q=false -f=x .", NULL, "x", false, false},
        {"-f - .", NULL, "-", false, false},
        {"--no-cache --file x .", NULL, "x", true, false},
        {"--no-cache=false .", NULL, NULL, false, false},
        {"-- .", NULL, NULL, false, false},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct build_request r;
        accept(cases[i].line, &r);
        const char *tag = r.tags.n ? r.tags.items[0] : "", *file = r.dockerfile ? r.dockerfile : "";
        if (strcmp(tag, cases[i].tag ? cases[i].tag : "") != 0 || strcmp(file, cases[i].file ? cases[i].file : "") != 0 ||
            r.no_cache != cases[i].no_cache || (r.progress == BUILD_PROGRESS_QUIET) != cases[i].quiet ||
            strcmp(r.context, ".") != 0)
            fail_msg("'%s': tag '%s', file '%s', context '%s'", cases[i].line, tag, file, r.context);
        build_request_done(&r);
    }
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"", "no build context"},
        {"a b", "one build context"},
        {"--", "no build context"},
        {"-t", "needs a value"},
        {"--tag", "needs a value"},
        {"--tagg x .", "unknown option '--tagg'"},
        {"-x .", "unknown option '-x'"},
        {"-qx .", "unknown option '-x'"},
        {"--no-cache=maybe .", "expected true or false"},
        {"-t A:1 .", "invalid tag \"A:1\""},
        {"--pull=sometimes .", "is not one of missing, always, newer, never"},
        {"--jobs 99999999999999999999 .", "up to 4096"},
        {"--network=mynet .", "invalid netmode mynet"},
        {"--allow all .", "is not one of"},
        {"--add-host x .", "invalid host"},
        {"--dns x .", "'x' is not an IPv4 or IPv6 address, or none"},
        {"--dns none --dns 192.0.2.1 .", "'none' stands alone"},
        {"--dns-search= .", "is not the name of a domain"},
        {"--dns-search a.b --dns-search . .", "'.' stands alone"},
        {"--dns-opt= .", "is not an option of resolv.conf"},
        {"--ulimit nofile=2:1 .", "soft limit"},
        {"--shm-size x .", "is not a size"},
        {"--memory", "needs a value"},
        {"-m -1 .", "is not a size"},
        {"-m 5m .", "less than 6m"},
        {"--memory-swap 1g .", "goes with --memory"},
        {"--cpus 0.001 .", "not a number of processors"},
        {"--cpus 0x10 .", "not a number of processors"},
        {"--cpus 1 --cpu-quota 5 .", "--cpus says the same"},
        {"--cpuset-cpus a .", "not a list of numbers"},
        {"--cpuset-cpus 3-1 .", "--cpuset-cpus: '3-1' is not a list of numbers"},
        {"--cpuset-cpus 99999 .", "--cpuset-cpus 99999: this machine has no 99999"},
        {"--cpuset-mems 0,70000-70001 .", "this machine has no 70000"},
        {"--cpu-period 10 .", "--cpu-period 10: out of range"},
        {"--cpu-quota 1 .", "--cpu-quota 1: out of range"},
        {"--pids-limit many .", "not a number"},
        {"--device-read-bps /dev/null:1m .", "'/dev/null' is not a block device"},
        {"--device-write-iops /none:5 .", "'/none'"},
        {"--device-write-iops sda .", "expected DEVICE:RATE, as /dev/sda:100"},
        {"--cgroup-parent /a/../b .", "not a control group"},
        {"--cgroup-parent / .", "not a control group"},
        {"--step-timeout soon .", "not a time span"},
        {"--step-timeout -1s .", "not a time span"},
        {"--secret src=/dev/null .", "id= is missing"},
        {"--secret id=a,src=/does/not/exist .", "failed to stat"},
        {"--secret id=a,wrong=b .", "unexpected key"},
        {"--secret id=,src=/dev/null .", "id= is missing"},
        {"-o type=oci,tar=false .", "dest= is missing"},
        {"-o type=local .", "dest= is missing"},
        {"-o type=oci,tar=false,dest=- .", "use tar=true"},
        {"-o type=cacheonly,dest=x .", "--output 'type=cacheonly,dest=x': dest=x goes with type=oci, docker, tar, local"},
        {"-o type=cacheonly,name=x .", "name=x goes with type=image, registry, oci, docker"},
        {"-o type=cacheonly,push=true .", "push=true goes with type=image"},
        {"-o dest=x .", "type= is missing"},
        {"-o type=local,dest=- .", "standard output"},
        {"-o type=nothing,dest=x .", "is not one of image, registry, oci, docker, tar, local, cacheonly"},
        {"-o type=docker,dest=x,tar=false .", "tar=false goes with type=oci"},
        {"-o type=tar,dest=x,annotation.a=b .", "annotation.a=b goes with type=image, "},
        {"-o type=tar,dest=x,no=1 .", "--output 'type=tar,dest=x,no=1': unknown key 'no'"},
        {"-o type=image,dest= .", "goes with type=oci"},
        {"-o type=oci,dest= .", "is missing"},
        {"-o type=oci,dest=x,compression=lzma .", "compression: 'lzma' is not one of gzip, zstd, uncompressed"},
        {"-o type=oci,dest=x,name=a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa .",
         "a digest cannot be given"},
        {"--build-context x .", "expected key=value"},
        {"--build-arg =x .", "expected NAME=VALUE"},
        {"--call=what .", "--call 'what': kind: 'what' is not one of build, check, outline, targets"},
        {"--call=check,targets .", "two things are asked for"},
        {"--call=check,format=xml .", "is not one of text, json, sarif"},
        {"--call=outline,format=sarif .", "a format of check only"},
        {"--call=check,x=y .", "unknown key 'x'"},
        {"--call=check,ignorestatus=x .", "expected true or false"},
        {"--platform linux/amd64,linux/arm64 -o type=docker,dest=x .", "there are 2 platforms"},
        {"--platform linux/amd64,linux/arm64 --arch s390x .", "part of which of the platforms linux/amd64,linux/arm64"},
        {"--platform linux/amd64,, .", "platform"},
        {"--iidfile= .", "--iidfile: the name of a file is missing"},
        {"--metadata-file= .", "--metadata-file: the name of a file is missing"},
        {"-q --progress=plain .", "--quiet and --progress=plain"},
        {"--progress=tty -q .", "--quiet and --progress=tty"},
        {"-q --progress=none .", "--quiet and --progress=none"},
        {"--push .", "nothing to push"},
        {"-o type=registry .", "nothing to push"},
        {"-o type=image,push=true .", "nothing to push"},
        {"-o type=oci,dest=x,push=true .", "push=true goes with type=image"},
        {"-o type=image,push-by-digest=true .", "goes with push=true"},
        {"-t a:1 -o type=registry,push-by-digest=true .", "a repository of its own"},
        {"-o type=registry,name=a:1,push-by-digest=true .", "has no tag"},
        {"-o type=registry,name=A .", "must be lowercase"},
        {"-o type=tar,dest=x,compression=gzip .", "compression=gzip goes with type=image, registry, oci, docker"},
        {"-o type=local,dest=x,oci-mediatypes=true .", "goes with type=image, registry, oci, docker"},
        {"-o type=docker,dest=x,compression=zstd .", "take oci-mediatypes=true"},
        {"-o type=oci,dest=x,oci-mediatypes=false,annotation.a=b .", "have no annotations"},
        {"--annotation a=b -o type=docker,dest=x .", "have no annotations"},
        {"--annotation index:a=b .", "an image of one platform has no index"},
        {"--annotation index[linux/amd64]:a=b .", "an index is for all platforms"},
        {"--annotation manifests:a=b .", "invalid annotation"},
        {"--annotation manifest[linux/amd64:a=b .", "invalid annotation"},
        {"--annotation manifest[what]:a=b .", "annotation \"manifest[what]:a=b\""},
        {"--annotation =b .", "invalid annotation"},
        {"-o type=oci,dest=x,annotation-index.a=b .", "an image of one platform has no index"},
        {"-o type=oci,dest=x,annotations.a=b .", "unknown key 'annotations.a'"},
        {"--cache-ignore=mtime .", "--cache-ignore 'mtime' is not one of mode"},
        {"-o type=tar,dest=x,rewrite-timestamp=true .", "rewrite-timestamp=true goes with type=image"},
        {"-o type=image,store=false .", "use type=registry"},
        {"-o type=image,store=maybe .", "expected true or false"},
        {"-o type=oci,dest=x -o type=tar,dest=x .", "two outputs go to 'x'"},
        {"-o type=oci -o type=docker,dest=- .", "two outputs go to standard output"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++)
        fails_with(cases[i].line, cases[i].message);
}

static void test_limits(void **state)
{
    (void)state;
    struct build_request r;
    accept("-qm512m --memory-swap -1 --cpus 1.5 -c 2 --pids-limit=-1 --cpuset-cpus 0 .", &r);
    assert_int_equal(r.limits.memory, 512 << 20);
    assert_int_equal(r.limits.memory_swap, -1);
    assert_int_equal(r.limits.cpus, 1500000);
    assert_int_equal(r.limits.cpu_shares, 2);
    assert_int_equal(r.limits.pids, -1);
    assert_string_equal(r.limits.cpuset_cpus, "0");
    build_request_done(&r);
    accept("--step-timeout 1m0.5s --cgroup-parent /a --cgroup-parent b.slice .", &r);
    assert_int_equal(r.step_timeout_ms, 60500);
    assert_string_equal(r.limits.parent, "b.slice");
    build_request_done(&r);
    accept("--memory 0 --pids-limit 0 --cpus 0 --cpu-quota 0 .", &r);
    assert_false(rt_limits_any(&r.limits));
    build_request_done(&r);
}

static void test_shared_caches(void **state)
{
    (void)state;
    struct build_request r;
    accept("--cache-from type=local,src=/a,ttl=24h --cache-to dest=/b,type=local,mode=max,compression=zstd,ignore-error=true "
           "--cache-to=type=local,dest=/c,oci-mediatypes=true .",
           &r);
    assert_int_equal(r.n_shares, 3);
    assert_string_equal(r.shares[0].place, "/a");
    assert_true(!r.shares[0].writes && r.shares[0].ages && r.shares[0].max_age == 24 * 3600);
    assert_true(r.shares[1].writes && r.shares[1].all);
    assert_string_equal(r.shares[1].codec->name, "zstd");
    assert_string_equal(r.shares[2].codec->name, "gzip");
    assert_false(r.shares[2].all);
    assert_false(r.inline_cache);
    build_request_done(&r);
    accept("--cache-from type=local,src=/a,src=/b .", &r);
    assert_string_equal(r.shares[0].place, "/b");
    build_request_done(&r);
    /* A tag may be that of an image that says what its steps gave; what is to say it is no place. */
    accept("--cache-from r.example/a,r.example/b:1 --cache-to type=inline .", &r);
    assert_int_equal(r.n_shares, 3);
    assert_string_equal(build_share_kind(&r.shares[2]), "inline");
    assert_string_equal(r.shares[2].place, "r.example/b");
    assert_true(r.inline_cache);
    build_request_done(&r);
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--cache-from type=local .", "src= is missing"},
        {"--cache-to type=local .", "dest= is missing"},
        {"--cache-to type=local,dest= .", "dest: the value is empty"},
        {"--cache-from type=local,src=a,mode=max .", "mode=max goes with --cache-to"},
        {"--cache-to type=local,dest=a,src=b .", "src=b goes with --cache-from"},
        {"--cache-to type=local,dest=a,mode=all .", "not one of min, max"},
        {"--cache-to type=local,dest=a,compression=rar .", "'rar' is not one of"},
        {"--cache-to type=local,dest=a,compression=gzip,compression-level=77 .", "gzip has no such level"},
        {"--cache-to type=local,dest=a,reset=true .", "reset=true cannot be honoured"},
        {"--cache-to type=local,dest=a,colour=red .", "unknown key 'colour'"},
        {"--cache-to type=local,dest=a,ttl=soon .", "not a time span"},
        {"--cache-from type=nothing .", "type 'nothing' is not one of registry"},
        {"--cache-from src=a .", "type= is missing"},
        {"--cache-from= .", "--cache-from: a cache is missing"},
        {"--cache-to r.example/a, .", "--cache-to: a cache is missing"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++)
        fails_with(cases[i].line, cases[i].message);
}

/* ---- what docker build has ------------------------------------------------------------------------------------------ */

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--resource memory=1g .", "'--resource memory=1g' cannot be honoured"},
        {"--resource", "needs a value"},
        {"--provenance=max .", "expected true, false or"},
        {"--attest type=sbom .", "no output can hold it"},
        {"--sbom syft .", "no scanner is run"},
        {"--attest type=x .", "not one of sbom, provenance"},
        {"--rm=0 .", "'--rm=0'"},
        {"--builder mine .", "no builder instances"},
        {"--isolation hyperv .", "'--isolation hyperv'"},
        {"--layers=false .", "'--layers=false'"},
        {"--userns=host .", "shares no namespace"},
        {"--log-level loud .", "it is no level"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++)
        fails_with(cases[i].line, cases[i].message);
}

static void test_honoured(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "--rm .",
        "--rm=1 .",
        "--force-rm .",
        "--force-rm=false .",
        "--compress .",
        "--squash=f .",
        "--provenance=0 .",
        "--sbom false .",
        "--builder=default .",
        "--isolation default .",
        "--attest type=provenance,disabled=true .",
        "--load .",
        "--load=false .",
        "--debug=false .",
        "-D .",
        "--isolation chroot .",
        "--layers --rm --force-rm .",
        "--pid private --uts container .",
        "--log-level debug --storage-driver overlay .",
        "--skip-unused-stages=true --identity-label=0 .",
        "--jobs 0 --pull=ifmissing .",
        "--disable-content-trust .",
        "--pull .",
    };
    for (size_t i = 0; i < CB_LEN(lines); i++) {
        struct build_request r;
        accept(lines[i], &r);
        if (r.n_outputs != 1 || r.outputs[0].ops != build_output_find("image"))
            fail_msg("'%s': %zu outputs", lines[i], r.n_outputs);
        build_request_done(&r);
    }
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static void test_call(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum build_call call;
        const char *format;
        bool ignore;
    } cases[] = {
        {".", BUILD_CALL_BUILD, NULL, false},
        {"--check .", BUILD_CALL_CHECK, NULL, false},
        {"--check=false .", BUILD_CALL_BUILD, NULL, false},
        {"--call=check .", BUILD_CALL_CHECK, NULL, false},
        {"--call=lint .", BUILD_CALL_CHECK, NULL, false},
        {"--call check,format=json,ignorestatus=true .", BUILD_CALL_CHECK, "json", true},
        {"--call=format=sarif,check .", BUILD_CALL_CHECK, "sarif", false},
        {"--call=targets,format=text .", BUILD_CALL_TARGETS, "text", false},
        {"--call=outline .", BUILD_CALL_OUTLINE, NULL, false},
        {"--call=check,format=json --call=build .", BUILD_CALL_BUILD, NULL, false},
        {"--call=check,format=json --call=targets .", BUILD_CALL_TARGETS, NULL, false},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct build_request r;
        accept(cases[i].line, &r);
        const char *format = r.call_format ? r.call_format : "", *want = cases[i].format ? cases[i].format : "";
        if (r.call != cases[i].call || strcmp(format, want) != 0 || r.call_ignore_status != cases[i].ignore)
            fail_msg("'%s': call %d, format '%s'", cases[i].line, (int)r.call, format);
        build_request_done(&r);
    }
}

static void test_outputs(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *kind;
        const char *dest;
        bool push;
    } cases[] = {
        {"-o out .", "local", "out", false},
        {"-o type=local,dest=out .", "local", "out", false},
        {"-o type=tar,dest=x.tar .", "tar", "x.tar", false},
        {"--push -t a .", "image", "", true},
        {"--output=type=registry,name=a/b .", "registry", "", true},
        {"-o type=image,store=true,unpack=false .", "image", "", false},
        {"-o type=registry,name=a/b,push-by-digest=true .", "registry", "", true},
        {"-otype=oci,dest=x,tar=false .", "oci", "x", false},
        {"-o type=cacheonly .", "cacheonly", "", false},
        /* nothing is asked for */
        {"-o type=tar,dest=x,tar=true,push=0,force-compression=false,unpack=true .", "tar", "x", false},
        {"-o dest=x,tar=false,type=oci .", "oci", "x", false},
        {"-o type=docker,dest=x,compression=gzip,compression-level=5 .", "docker", "x", false},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct build_request r;
        accept(cases[i].line, &r);
        const struct build_output *o = &r.outputs[0];
        if (r.n_outputs != 1 || strcmp(o->ops->name, cases[i].kind) != 0 || strcmp(o->dest ? o->dest : "", cases[i].dest) != 0 ||
            o->push != cases[i].push)
            fail_msg("'%s': type %s, dest '%s'", cases[i].line, o->ops->name, o->dest ? o->dest : "");
        build_request_done(&r);
    }
}

static void test_types_and_annotations(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool docker_types;
        const char *annotations; /* of request and output, "|" between */
    } cases[] = {
        {"-o type=oci,dest=x .", false, ""},
        {"-o type=oci,dest=x,oci-mediatypes=false .", true, ""},
        {"-o type=docker,dest=x .", true, ""},
        {"-o oci-mediatypes=true,dest=x,type=docker,compression=zstd .", false, ""},
        {"--annotation a=b --annotation manifest:c=d -o type=docker,dest=x,oci-mediatypes=true .", false, "a=b|c=d"},
        {"--annotation manifest[linux/amd64]:a:b=c:d --annotation x:y=z .", false, "[manifest linux/amd64]a:b=c:d|x:y=z"},
        {"-o type=oci,dest=x,annotation.a.b=c,annotation-manifest.d=e .", false, "a.b=c|d=e"},
        {"-o type=oci,dest=x,annotation[linux/amd64].a=b .", false, "[manifest linux/amd64]a=b"},
        {"-o type=oci,dest=x,annotation-manifest[linux/arm/v7].a=b .", false, "[manifest linux/arm/v7]a=b"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct build_request r;
        CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
        accept(cases[i].line, &r);
        const struct cb_strv *lists[] = {&r.annotations, &r.outputs[0].annotations};
        for (size_t k = 0; k < CB_LEN(lists); k++)
            for (size_t n = 0; n < lists[k]->n; n++)
                cb_buf_printf(&all, all.len ? "|%s" : "%s", lists[k]->items[n]);
        if (r.outputs[0].docker_types != cases[i].docker_types || strcmp(all.data, cases[i].annotations) != 0)
            fail_msg("'%s': Docker's types %d, annotations '%s'", cases[i].line, r.outputs[0].docker_types, all.data);
        build_request_done(&r);
    }
}

static void test_environment(void **state)
{
    (void)state;
    struct build_request r;
    setenv("OPTIONS_TEST", "from here", 1);
    unsetenv("OPTIONS_TEST_NOT");
    setenv("SOURCE_DATE_EPOCH", "12", 1);
    accept("--build-arg OPTIONS_TEST --build-arg OPTIONS_TEST_NOT --build-arg A=b=c --secret id=OPTIONS_TEST .", &r);
    assert_int_equal(r.build_args.n, 3);
    assert_string_equal(r.build_args.items[0], "OPTIONS_TEST=from here");
    assert_string_equal(r.build_args.items[1], "A=b=c");
    assert_string_equal(r.build_args.items[2], "SOURCE_DATE_EPOCH=12");
    assert_string_equal(r.secrets[0].env, "OPTIONS_TEST");
    build_request_done(&r);
    accept("--build-arg SOURCE_DATE_EPOCH= .", &r);
    assert_int_equal(r.build_args.n, 1);
    build_request_done(&r);
    unsetenv("SOURCE_DATE_EPOCH");
}

static void test_progress(void **state)
{
    (void)state;
    struct build_request r;
    static const struct {
        const char *env, *line;
        enum build_progress kind;
    } cases[] = {
        {"plain", ".", BUILD_PROGRESS_PLAIN},
        {"none", "--progress=auto .", BUILD_PROGRESS_NONE},
        {"plain", "--progress=rawjson .", BUILD_PROGRESS_RAWJSON},
        {"plain", "-q .", BUILD_PROGRESS_QUIET},
        {"", ".", BUILD_PROGRESS_AUTO},
        {"loud", "--progress=tty .", BUILD_PROGRESS_TTY},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        setenv("BUILDKIT_PROGRESS", cases[i].env, 1);
        accept(cases[i].line, &r);
        if (r.progress != cases[i].kind)
            fail_msg("BUILDKIT_PROGRESS=%s '%s': kind %d", cases[i].env, cases[i].line, (int)r.progress);
        build_request_done(&r);
    }
    setenv("BUILDKIT_PROGRESS", "loud", 1);
    fails_with(".", "BUILDKIT_PROGRESS: 'loud' is not one of auto, ");
    unsetenv("BUILDKIT_PROGRESS");
    accept("--platform linux/s390x --platform=local .", &r);
    assert_null(r.platform);
    build_request_done(&r);
    accept("--platform linux/s390x,linux/arm64 --platform=linux/amd64 .", &r);
    assert_string_equal(r.platform, "linux/s390x,linux/arm64,linux/amd64");
    build_request_done(&r);
    accept("--platform linux/arm64,aarch64 -o type=docker,dest=x .", &r); /* the same, twice */
    build_request_done(&r);
}

/* Every kind of output is found by its name, and each of its keys by both. */
static void test_output_table(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf types = CB_BUF_INIT, help = CB_BUF_INIT;
    build_output_types(&types, "|");
    cli_help_command(&cli_build, &help);
    assert_non_null(strstr(help.data, types.data));
    for (const struct build_output_ops *const *ops = build_outputs; *ops; ops++) {
        assert_ptr_equal(build_output_find((*ops)->name), *ops);
        assert_non_null((*ops)->write);
        bool dest = false;
        for (const struct build_output_key *const *k = (*ops)->keys; k && *k; k++) {
            assert_non_null((*k)->set);
            dest |= strcmp((*k)->name, "dest") == 0;
        }
        assert_int_equal(dest, (*ops)->dest != BUILD_DEST_NONE);
    }
    for (const struct cb_codec *const *c = cb_codecs; *c; c++)
        assert_non_null(strstr(help.data, (*c)->name));
}

/* Each option of --help is understood, and the lines fit a terminal. */
static void test_help(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf help = CB_BUF_INIT;
    size_t n = 0;
    cli_help_command(&cli_build, &help);
    for (const char *line = help.data; *line; line += strcspn(line, "\n") + 1) {
        if (strcspn(line, "\n") > 130)
            fail_msg("too long: %.80s", line);
        if (strcspn(line, "\n") < 8 || !cb_starts(line + 6, "--") || cb_starts(line + 6, "--help"))
            continue;
        CB_AUTO(free) char *name = cb_memdup0(line + 6, strcspn(line + 6, "[= \n"));
        struct build_request r;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        n++;
        if (parse(name, &r, &err) == 0 || strstr(err.msg, "unknown option"))
            fail_msg("%s: %s", name, err.msg ? err.msg : "accepted without a context");
        build_request_done(&r);
    }
    assert_true(n > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),      cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_shared_caches),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_honoured),
        cmocka_unit_test(test_call),        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_progress),    cmocka_unit_test(test_types_and_annotations),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_output_table),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
