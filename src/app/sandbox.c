/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sandbox: from the moment that everything is open, the kernel takes from this
 * process only the calls that a running gateway makes, and ends it at any other. Who
 * got it to run code of theirs starts no program, looks into no other process, opens
 * nothing for writing, makes no memory executable and has no door to the rest of the
 * kernel.
 *
 * Death is the rule, because a call that is not in these lists is either an attack or
 * a fault of ours, and neither should be tried twice. A few calls are refused with an
 * error instead: those that libraries try first and do without, so that a new version
 * of one of them does not end calls.
 *
 * Calls are named: of those that an architecture does not have, libseccomp knows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_priv.h"

enum { TESTS_MAX = 2, NICE_MAX = 19 };

/* A call, and what its arguments must be. */
struct rule {
	const char *name;
	unsigned n;
	struct scmp_arg_cmp test[TESTS_MAX];
};

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define TRACER (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED)
#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

/* clang-format off */
#define IS(i, v) {i, SCMP_CMP_EQ, v, 0}
#define AT_MOST(i, v) {i, SCMP_CMP_LE, v, 0}
#define BITS(i, mask, v) {i, SCMP_CMP_MASKED_EQ, mask, v}
#define SOCKET(af, type) {"socket", 2, {IS(0, af), BITS(1, 0xf, type)}}
#define OPTION(level, name) {"setsockopt", 2, {IS(1, level), IS(2, name)}}
/* Whatever the arguments are. Some have another name on another architecture. */
static const char *const plain[] = {
	/* sockets and files, once they are open */
	"accept4", "bind", "close", "connect", "getpeername", "getsockname", "listen", "lseek",
	"pread64", "read", "readv", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg",
	"sendto", "shutdown", "write", "writev",
	/* waiting */
	"epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "futex", "inotify_add_watch",
	"inotify_init1", "inotify_rm_watch", "poll", "ppoll", "restart_syscall", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "sched_yield", "timerfd_settime",
	/* files: reading them is openat(); the status socket comes and goes */
	"access", "faccessat", "fstat", "getdents64", "newfstatat", "readlink", "readlinkat",
	"statx", "umask", "unlink", "unlinkat",
	/* memory, threads, and the end */
	"brk", "exit", "exit_group", "mremap", "munmap", "rseq", "set_robust_list",
	/* what changes nothing */
	"clock_getres", "clock_gettime", "getcpu", "getegid", "geteuid", "getgid", "getpid",
	"getrandom", "gettid", "gettimeofday", "getuid", "sched_getaffinity", "sysinfo", "time",
	"uname",
#ifdef SALLYPORT_SANITIZE
	"clock_nanosleep", "getdents", "getppid", "madvise", "mincore", "pipe2", "sigaltstack", "wait4",
#endif
};
/* clang-format on */

/* Several of one name: one of them must hold. */
static const struct rule narrow[] = {
	{"openat", 1, {BITS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)}},
	{"fcntl", 1, {IS(1, F_GETFL)}},
	{"fcntl", 1, {IS(1, F_SETFL)}},
	{"fcntl", 1, {IS(1, F_GETFD)}},
	{"fcntl", 1, {IS(1, F_SETFD)}},
	{"fcntl", 1, {IS(1, F_DUPFD_CLOEXEC)}},
	/* c-ares, of a name server with a zone: "fe80::1%eth0" */
	{"ioctl", 1, {IS(1, SIOCGIFINDEX)}},
	{"ioctl", 1, {IS(1, SIOCGIFNAME)}},

	/* no code that was not there at the start */
	{"mmap", 1, {BITS(2, PROT_EXEC, 0)}},
	{"mprotect", 1, {BITS(2, PROT_EXEC, 0)}},
/* and nothing into a dump that was kept out of it */
#ifndef SALLYPORT_SANITIZE
	{"madvise", 1, {IS(2, MADV_DONTNEED)}},
	{"madvise", 1, {IS(2, MADV_FREE)}},
	{"madvise", 1, {IS(2, MADV_HUGEPAGE)}},
	{"madvise", 1, {IS(2, MADV_DONTDUMP)}},
	{"madvise", 1, {IS(2, MADV_WIPEONFORK)}},
#endif

	/* threads, no processes; the thread that loads configurations stands back */
	{"clone", 1, {BITS(0, THREAD | NAMESPACES, THREAD)}},
	{"setpriority", 2, {IS(0, PRIO_PROCESS), AT_MOST(2, NICE_MAX)}},
	{"prctl", 1, {IS(0, PR_SET_NAME)}},
	{"prlimit64", 2, {IS(0, 0), IS(2, 0)}},

	SOCKET(AF_INET, SOCK_STREAM),
	SOCKET(AF_INET, SOCK_DGRAM),
	SOCKET(AF_INET6, SOCK_STREAM),
	SOCKET(AF_INET6, SOCK_DGRAM),
	SOCKET(AF_UNIX, SOCK_STREAM),
	SOCKET(AF_UNIX, SOCK_DGRAM),
	{"getsockopt", 1, {IS(1, SOL_SOCKET)}},
	OPTION(SOL_SOCKET, SO_ATTACH_FILTER),
	OPTION(SOL_SOCKET, SO_DETACH_FILTER),
	OPTION(SOL_SOCKET, SO_KEEPALIVE),
	OPTION(SOL_SOCKET, SO_LINGER),
	OPTION(SOL_SOCKET, SO_RCVBUF),
	OPTION(SOL_SOCKET, SO_REUSEADDR),
	OPTION(SOL_SOCKET, SO_SNDBUF),
	OPTION(IPPROTO_IP, IP_TOS),
	OPTION(IPPROTO_IPV6, IPV6_TCLASS),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
	OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT), /* c-ares, from 1.31 on */
	OPTION(IPPROTO_TCP, TCP_KEEPCNT),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
	OPTION(IPPROTO_TCP, TCP_NODELAY),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),

#ifdef SALLYPORT_SANITIZE
	{"open", 1, {BITS(1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)}},
	/* LeakSanitizer, at the end: a thread apart that stops the others and looks at them */
	{"clone", 1, {BITS(0, TRACER | NAMESPACES, TRACER)}},
	{"prctl", 1, {IS(0, PR_GET_DUMPABLE)}},
	{"prctl", 1, {IS(0, PR_SET_DUMPABLE)}},
	{"prctl", 1, {IS(0, PR_SET_PDEATHSIG)}},
	{"prctl", 1, {IS(0, PR_SET_PTRACER)}},
	{"ptrace", 1, {IS(0, PTRACE_ATTACH)}},
	{"ptrace", 1, {IS(0, PTRACE_CONT)}},
	{"ptrace", 1, {IS(0, PTRACE_DETACH)}},
	{"ptrace", 1, {IS(0, PTRACE_GETREGSET)}},
	{"ptrace", 1, {IS(0, PTRACE_KILL)}},
#endif
};

/* Newer forms of what is allowed above. The arguments of clone3(2) and openat2(2) lie in memory,
 * where no filter can read them. */
static const char *const newer[] = {"clone3",      "close_range", "epoll_pwait2", "faccessat2",
				    "futex_waitv", "mseal",       "openat2"};

static int number_of(const char *name)
{
	const int nr = seccomp_syscall_resolve_name(name);

	return nr >= 0 ? nr : -1;
}

/** @param count of calls, each once, is counted up; of those that there are here */
static int add_plain(scmp_filter_ctx ctx, uint32_t action, const char *const *namev, size_t n,
		     unsigned *count)
{
	for (size_t i = 0; i < n; i++) {
		const int nr = number_of(namev[i]);
		const int err = nr < 0 ? 0 : seccomp_rule_add(ctx, action, nr, 0);

		if (err)
			return -err;
		if (count && nr >= 0)
			++*count;
	}

	return 0;
}

static int add_narrow(scmp_filter_ctx ctx, unsigned *count)
{
	const size_t n = sizeof(narrow) / sizeof(narrow[0]);
	int before = -1;

	for (size_t i = 0; i < n; i++) {
		const struct rule *r = &narrow[i];
		const int nr = number_of(r->name);
		const int err =
			nr < 0 ? 0 : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, r->n, r->test);

		if (err)
			return -err;
		*count += nr >= 0 && nr != before;
		before = nr;
	}

	return 0;
}

/* What depends on which process this is, and what is refused politely. */
static int add_rest(scmp_filter_ctx ctx, unsigned *count)
{
	const struct scmp_arg_cmp aborts[] = {IS(0, (scmp_datum_t)getpid()), IS(2, SIGABRT)};
	const struct scmp_arg_cmp netlink = IS(0, AF_NETLINK);
	int err;

	err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2, aborts);
	/* libraries ask for the machine's interfaces so, and get by without */
	if (!err)
		err = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
					     &netlink);
	if (err)
		return -err;
	++*count;

	return add_plain(ctx, SCMP_ACT_ERRNO(ENOSYS), newer, sizeof(newer) / sizeof(newer[0]),
			 NULL);
}

static int fill(scmp_filter_ctx ctx, unsigned *count)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* all threads; those that come later have it from the one that makes them */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* a search by halves, not through the list */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (err)
		return -err;

	err = add_plain(ctx, SCMP_ACT_ALLOW, plain, sizeof(plain) / sizeof(plain[0]), count);
	if (!err)
		err = add_narrow(ctx, count);
	if (!err)
		err = add_rest(ctx, count);

	return err;
}

int app_sandbox_enter(unsigned *count)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!ctx)
		return ENOMEM;

	*count = 0;
	err = fill(ctx, count);
	if (!err)
		err = -seccomp_load(ctx);
	seccomp_release(ctx);

	return err;
}

int sp_app_confine(const struct sp_app *app)
{
	unsigned count;
	int err;

	if (!app->env->conf->sandbox) {
		sp_log(SP_LOG_WARN, "sandbox_off", "reason=configuration");
		return 0;
	}

	err = app_sandbox_enter(&count);
	if (err)
		sp_log(SP_LOG_ERROR, "sandbox_failed", "error=\"%m\"", err);
	else
		sp_log(SP_LOG_INFO, "sandbox", "syscalls=%u", count);

	return err;
}
