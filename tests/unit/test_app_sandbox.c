/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sandbox, call by call: each in a child of its own, which either dies of SIGSYS, is
 * refused, or gets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_priv.h"

enum {
	THROUGH = 0, /* exit status of a child whose call did what it should */
	WRONG = 1,
	REFUSED = 2, /* and more: errno, of a refusal */
};

/* errno of a call that failed */
static int result(long rc)
{
	return rc < 0 ? REFUSED + errno : THROUGH;
}

/* How a child ends that tries it in the sandbox: -SIGNAL, or its exit status. Without the sandbox
 * one sees whether the call itself would have got through. */
static int ending(int (*try)(void), bool sandbox)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		const struct rlimit none = {0, 0};
		unsigned count;

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL); /* cmocka would go on with the next test */
		if (sandbox && app_sandbox_enter(&count))
			_exit(WRONG);
		_exit(try());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- what an intruder would do ---- */

static int try_execve(void)
{
	char *const argv[] = {"true", NULL};

	return result(execve("/bin/true", argv, argv + 1));
}

static int try_execveat(void)
{
	char *const argv[] = {"true", NULL};

	return result(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, argv + 1, 0));
}

static int try_fork(void)
{
	const long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);

	return result(pid);
}

static int try_vfork(void)
{
	const pid_t pid = vfork();

	if (!pid)
		_exit(0);

	return result(pid);
}

static int try_namespace(void)
{
	return result(syscall(SYS_clone,
			      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				      CLONE_NEWUSER,
			      0, 0, 0, 0));
}

static int try_unshare(void)
{
	return result(unshare(CLONE_FILES));
}

static int try_setns(void)
{
	return result(setns(-1, 0));
}

static int try_ptrace(void)
{
	return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_read_other(void)
{
	char there = 1, here;
	const struct iovec to = {&here, 1}, from = {&there, 1};

	return result(syscall(SYS_process_vm_readv, getpid(), &to, 1, &from, 1, 0));
}

static int try_write_other(void)
{
	char there = 1, here = 2;
	const struct iovec from = {&here, 1}, to = {&there, 1};

	return result(syscall(SYS_process_vm_writev, getpid(), &from, 1, &to, 1, 0));
}

static int try_kill(void)
{
	return result(kill(getppid(), 0));
}

static int try_kill_parent(void)
{
	return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_packet(void)
{
	return result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int try_raw(void)
{
	return result(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int try_other_family(void)
{
	return result(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int try_write_file(void)
{
	return result(open("/dev/null", O_WRONLY));
}

static int try_append_file(void)
{
	return result(open("/dev/null", O_RDWR | O_APPEND));
}

static int try_truncate_file(void)
{
	return result(open("/dev/null", O_RDONLY | O_TRUNC));
}

static int try_create_file(void)
{
	return result(open("/dev/null", O_RDONLY | O_CREAT, 0600));
}

static int try_rename(void)
{
	return result(rename("/nonexistent/a", "/nonexistent/b"));
}

static int try_chmod(void)
{
	return result(chmod("/dev/null", 0666));
}

static int try_memory_exec(void)
{
	return result((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				 0) == -1
			      ? -1
			      : 0);
}

static int try_make_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? WRONG : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int try_memfd(void)
{
	return result(memfd_create("x", 0));
}

static int try_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));

	return result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int try_io_uring(void)
{
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_userfaultfd(void)
{
	return result(syscall(SYS_userfaultfd, 0));
}

static int try_perf(void)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};

	return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int try_keyctl(void)
{
	return result(syscall(SYS_keyctl, 0, -3, 0));
}

static int try_mount(void)
{
	return result(mount("none", "/nonexistent", "tmpfs", 0, NULL));
}

static int try_chroot(void)
{
	return result(chroot("/"));
}

static int try_setuid(void)
{
	return result(setuid(getuid()));
}

static int try_limit(void)
{
	struct rlimit rl = {0, 0};

	return result(setrlimit(RLIMIT_CORE, &rl));
}

static int try_limit_of_other(void)
{
	struct rlimit rl;

	return result(prlimit(getppid(), RLIMIT_CORE, NULL, &rl));
}

static int try_first_in_line(void)
{
	return result(setpriority(PRIO_PROCESS, 0, -1));
}

static int try_seccomp(void)
{
	return result(syscall(SYS_seccomp, 0, 0, NULL));
}

static int try_socket_option(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	return fd < 0 ? WRONG : result(setsockopt(fd, SOL_SOCKET, SO_DEBUG, &on, sizeof(on)));
}

static int try_packet_filter_program(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), prog = -1;

	return fd < 0 ? WRONG
		      : result(setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)));
}

static int try_terminal(void)
{
	char c = '\n';

	return result(ioctl(0, TIOCSTI, &c));
}

static int try_shared_memory(void)
{
	return result(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
}

#ifndef SALLYPORT_SANITIZE
static int try_dumpable(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1));
}

static int try_dump_again(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? WRONG : result(madvise(p, 4096, MADV_DODUMP));
}
#endif

#define TRY(f)                                                                                     \
	{                                                                                          \
#f, f                                                                              \
	}

static void test_forbidden(void **state)
{
	static const struct {
		const char *name;
		int (*try)(void);
	} calls[] = {
		TRY(try_execve),        TRY(try_execveat),
		TRY(try_fork),          TRY(try_vfork),
		TRY(try_namespace),     TRY(try_unshare),
		TRY(try_setns),         TRY(try_ptrace),
		TRY(try_read_other),    TRY(try_write_other),
		TRY(try_kill),          TRY(try_kill_parent),
		TRY(try_packet),        TRY(try_raw),
		TRY(try_other_family),  TRY(try_write_file),
		TRY(try_append_file),   TRY(try_truncate_file),
		TRY(try_create_file),   TRY(try_rename),
		TRY(try_chmod),         TRY(try_memory_exec),
		TRY(try_make_exec),     TRY(try_memfd),
		TRY(try_bpf),           TRY(try_io_uring),
		TRY(try_userfaultfd),   TRY(try_perf),
		TRY(try_keyctl),        TRY(try_mount),
		TRY(try_chroot),        TRY(try_setuid),
		TRY(try_limit),         TRY(try_limit_of_other),
		TRY(try_first_in_line), TRY(try_seccomp),
		TRY(try_socket_option), TRY(try_packet_filter_program),
		TRY(try_terminal),      TRY(try_shared_memory),
#ifndef SALLYPORT_SANITIZE
		TRY(try_dumpable),      TRY(try_dump_again),
#endif
	};
	(void)state;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const int end = ending(calls[i].try, true);

		if (end != -SIGSYS)
			fail_msg("%s ends with %d", calls[i].name, end);
		/* that is the sandbox's doing */
		assert_int_not_equal(ending(calls[i].try, false), -SIGSYS);
	}
}

/* ---- what is refused, and does not end the gateway ---- */

static int try_clone3(void)
{
	return result(syscall(SYS_clone3, NULL, 0));
}

static int try_openat2(void)
{
	return result(syscall(SYS_openat2, AT_FDCWD, "/dev/null", NULL, 0));
}

static int try_netlink(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static void test_refused(void **state)
{
	(void)state;

	assert_int_equal(ending(try_clone3, true), REFUSED + ENOSYS);
	assert_int_equal(ending(try_openat2, true), REFUSED + ENOSYS);
	assert_int_equal(ending(try_netlink, true), REFUSED + EAFNOSUPPORT);
}

/* ---- what a gateway does ---- */

static void *thread(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "sallyport-test");
	*(int *)arg = setpriority(PRIO_PROCESS, (id_t)gettid(), 10) ? WRONG : THROUGH;

	return arg;
}

static int try_thread(void)
{
	int done = WRONG;
	pthread_t t;

	if (pthread_create(&t, NULL, thread, &done) || pthread_join(t, NULL))
		return WRONG;

	return done;
}

/* A later thread is in it as well. */
static void *thread_execs(void *arg)
{
	(void)try_execve();

	return arg;
}

static int try_execve_of_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread_execs, NULL) || pthread_join(t, NULL))
		return WRONG;

	return THROUGH;
}

static int try_read_file(void)
{
	char buf[16];
	FILE *f = fopen("/proc/self/statm", "re");

	return f && fread(buf, 1, sizeof(buf), f) && !fclose(f) ? THROUGH : WRONG;
}

static int try_tcp(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int on = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c, a;

	if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(s, (struct sockaddr *)&sin, len) || listen(s, 1) ||
	    getsockname(s, (struct sockaddr *)&sin, &len))
		return WRONG;
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)connect(c, (struct sockaddr *)&sin, len);
	a = accept4(s, NULL, NULL, SOCK_NONBLOCK);
	(void)setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	return a < 0 || send(a, "x", 1, MSG_NOSIGNAL) != 1 ? WRONG : THROUGH;
}

static int try_shield(void)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	const struct sock_fprog prog = {1, code};
	const int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	return fd < 0 ? THROUGH /* no IPv6 here */
		      : result(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

static int try_memory(void)
{
	void *p = malloc(1 << 20), *q = p ? realloc(p, 8 << 20) : NULL;

	if (!q)
		return WRONG;
	memset(q, 1, 8 << 20);
	free(q);

	return THROUGH;
}

static int try_waiting(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	const int fd = eventfd(1, EFD_NONBLOCK), ino = inotify_init1(IN_NONBLOCK);

	(void)inotify_add_watch(ino, "/", IN_CREATE);

	return fd < 0 || ino < 0 || epoll_wait(-1, &e, 1, 0) != -1 ? WRONG : THROUGH;
}

static int try_abort(void)
{
	(void)signal(SIGABRT, SIG_DFL);
	abort();
}

static void test_allowed(void **state)
{
	(void)state;

	assert_int_equal(ending(try_thread, true), THROUGH);
	assert_int_equal(ending(try_read_file, true), THROUGH);
	assert_int_equal(ending(try_tcp, true), THROUGH);
	assert_int_equal(ending(try_shield, true), THROUGH);
	assert_int_equal(ending(try_memory, true), THROUGH);
	assert_int_equal(ending(try_waiting, true), THROUGH);
	assert_int_equal(ending(try_abort, true), -SIGABRT);
}

static void test_threads(void **state)
{
	(void)state;

	assert_int_equal(ending(try_execve_of_thread, true), -SIGSYS);
}

/* One that was there before is in it, too. */
static pthread_mutex_t late = PTHREAD_MUTEX_INITIALIZER;

static void *thread_waits(void *arg)
{
	(void)pthread_mutex_lock(&late);

	return thread_execs(arg);
}

static void test_earlier_thread(void **state)
{
	int status = 0;
	pid_t pid;
	(void)state;

	pid = fork();
	if (!pid) {
		unsigned count;
		pthread_t t;

		(void)pthread_mutex_lock(&late);
		if (pthread_create(&t, NULL, thread_waits, NULL) || app_sandbox_enter(&count))
			_exit(WRONG);
		(void)pthread_mutex_unlock(&late);
		(void)pthread_join(t, NULL);
		_exit(THROUGH);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden),      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_allowed),        cmocka_unit_test(test_threads),
		cmocka_unit_test(test_earlier_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
