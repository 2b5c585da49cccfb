/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and unmaking listening sockets.  Master, before the first fork; works
 * on addresses only, looks no host name up.
 */
#include "config.h"

#include "pool/ident.h"
#include "base/log.h"
#include "pool/inherit.h"
#include "pool/pool.h"
#include "base/bug.h"
#include "base/num.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The Unix sockets that this process has bound, so that pool_listen_close()
 * unlinks only what is still the same file: an heir may have bound the path.
 */
static struct bound {
	bool used;
	int fd;
	dev_t dev;
	ino_t ino;
} bound[2 * POOL_GROUPS_MAX];

static struct bound *bound_unused(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bound); i++)
		if (!bound[i].used)
			return &bound[i];
	return NULL;
}

static struct bound *bound_find(int fd)
{
	for (size_t i = 0; i < ARRAY_LEN(bound); i++)
		if (bound[i].used && bound[i].fd == fd)
			return &bound[i];
	return NULL;
}

static int socket_new(int family, struct err *err)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		err_set_errno(err, "socket");
	return fd;
}

static int listen_on(int fd, int backlog, struct err *err)
{
	/* The kernel cuts to net.core.somaxconn: more is its maximum. */
	if (listen(fd, backlog < 0 ? INT_MAX : backlog) == 0)
		return fd;
	err_set_errno(err, "listen");
	close(fd);
	return -1;
}

/* ---- Unix ---------------------------------------------------------------- */

static bool unix_address(
    const char *path, struct sockaddr_un *addr, struct err *err)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strv_copy(strv_c(path), addr->sun_path, sizeof(addr->sun_path)))
		return true;
	err_set(err, ENAMETOOLONG,
	    "the path has %zu bytes, the path of a Unix socket may have %zu",
	    strlen(path), sizeof(addr->sun_path) - 1);
	return false;
}

/* What connect(2) to an existing socket says about its owner. */
static bool unix_is_stale(const struct sockaddr_un *addr, struct err *err)
{
	int fd = socket_new(AF_UNIX, err);
	int rc, why;

	if (fd < 0)
		return false;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	why = errno;
	close(fd);
	if (rc != 0 && why == ECONNREFUSED)
		return true;
	errno = why;
	/* EAGAIN: its backlog is full, so it is very much alive. */
	if (rc == 0 || why == EAGAIN)
		err_set(err, EADDRINUSE,
		    "another process serves this socket: stop it first");
	else
		err_set_errno(err, "cannot tell whether the socket is in use");
	return false;
}

/*
 * Makes room at the path.  Between the probe and unlink(2) somebody could bind
 * it anew; the second look makes that window a few microseconds, and who loses
 * it gets EADDRINUSE from bind(2).
 */
static bool unix_clear(const struct sockaddr_un *addr, struct err *err)
{
	struct stat before, after;

	if (lstat(addr->sun_path, &before) != 0) {
		if (errno == ENOENT)
			return true;
		err_set_errno(err, "stat");
		return false;
	}
	if (!S_ISSOCK(before.st_mode)) {
		err_set(err, EEXIST,
		    "there is a file here that is not a socket: remove it");
		return false;
	}
	if (!unix_is_stale(addr, err))
		return false;
	if (lstat(addr->sun_path, &after) != 0)
		return true; /* its owner was tidying up */
	if (after.st_ino != before.st_ino || after.st_dev != before.st_dev) {
		err_set(err, EADDRINUSE, "another process is starting on it");
		return false;
	}
	if (unlink(addr->sun_path) != 0 && errno != ENOENT) {
		err_set_errno(err, "cannot remove the stale socket");
		return false;
	}
	return true;
}

/* What is not named stays as it is. */
static bool unix_owner(const struct pool_listen_conf *conf, uid_t *uid,
    gid_t *gid, struct err *err)
{
	*uid = (uid_t)-1; /* no change */
	*gid = (gid_t)-1;
	return (conf->owner == NULL || pool_ident_uid(conf->owner, uid, err)) &&
	       (conf->group == NULL || pool_ident_gid(conf->group, gid, err));
}

static bool unix_check(const struct pool_listen_conf *conf, struct err *err)
{
	struct sockaddr_un addr;
	uid_t uid;
	gid_t gid;

	return unix_address(conf->address, &addr, err) &&
	       unix_owner(conf, &uid, &gid, err);
}

static bool unix_dress(const struct pool_listen_conf *conf, struct err *err)
{
	uid_t uid;
	gid_t gid;

	if (!unix_owner(conf, &uid, &gid, err))
		return false;
	if (lchown(conf->address, uid, gid) != 0) {
		err_set_errno(err, "cannot give it to %s:%s",
		    conf->owner != NULL ? conf->owner : "(us)",
		    conf->group != NULL ? conf->group : "(us)");
		return false;
	}
	if (chmod(conf->address, conf->mode) != 0) {
		err_set_errno(err, "chmod %03o", (unsigned)conf->mode);
		return false;
	}
	return true;
}

static bool unix_bind(
    int fd, const struct sockaddr_un *addr, struct bound *note, struct err *err)
{
	/* The file is born closed, whatever umask we were given; nobody may
	 * connect before owner and mode are right. */
	mode_t mask = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));
	struct stat st;

	umask(mask);
	if (rc != 0) {
		err_set_errno(err, "bind");
		return false;
	}
	if (lstat(addr->sun_path, &st) != 0) {
		err_set_errno(err, "stat after bind");
		return false;
	}
	*note = (struct bound){true, fd, st.st_dev, st.st_ino};
	return true;
}

static int unix_open(const struct pool_listen_conf *conf, struct err *err)
{
	struct bound *note = bound_unused();
	struct sockaddr_un addr;
	int fd;

	if (note == NULL) {
		err_set(err, 0, "too many listening sockets");
		return -1;
	}
	if (!unix_address(conf->address, &addr, err) || !unix_clear(&addr, err))
		return -1;
	fd = socket_new(AF_UNIX, err);
	if (fd < 0)
		return -1;
	if (!unix_bind(fd, &addr, note, err)) {
		close(fd);
		return -1;
	}
	if (!unix_dress(conf, err)) {
		pool_listen_close(conf, fd);
		return -1;
	}
	fd = listen_on(fd, conf->backlog, err);
	if (fd < 0) {
		unlink(addr.sun_path);
		note->used = false;
	}
	return fd;
}

/* ---- abstract ------------------------------------------------------------ */

/* unix(7): a name that begins with a NUL and has no end but its length. */
static bool abstract_address(
    const char *text, struct sockaddr_un *addr, socklen_t *len, struct err *err)
{
	size_t n = strlen(text); /* its '@' is the NUL */

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n < 2 || n > sizeof(addr->sun_path)) {
		err_set(err, n < 2 ? EINVAL : ENAMETOOLONG,
		    "an abstract name has 1 to %zu bytes after the @",
		    sizeof(addr->sun_path) - 1);
		return false;
	}
	memcpy(addr->sun_path + 1, text + 1, n - 1);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

static bool abstract_check(const struct pool_listen_conf *conf, struct err *err)
{
	struct sockaddr_un addr;
	socklen_t len;

	return abstract_address(conf->address, &addr, &len, err);
}

static int abstract_open(const struct pool_listen_conf *conf, struct err *err)
{
	struct sockaddr_un addr;
	socklen_t len;
	int fd;

	if (!abstract_address(conf->address, &addr, &len, err))
		return -1;
	fd = socket_new(AF_UNIX, err);
	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&addr, len) != 0) {
		err_set_errno(err, "bind");
		close(fd);
		return -1;
	}
	return listen_on(fd, conf->backlog, err);
}

/* ---- TCP ----------------------------------------------------------------- */

struct tcp_address {
	char host[64]; /* "" : any */
	char port[8];
	bool v6; /* written in brackets */
};

static bool tcp_address_parse(
    const char *text, struct tcp_address *addr, struct err *err)
{
	struct strv rest = strv_c(text);
	struct strv host = {NULL, 0};
	uint64_t port;
	bool shape = true;

	addr->v6 = strv_starts(rest, STRV("["));
	if (addr->v6) {
		strv_cut(&rest, '[');
		host = strv_cut(&rest, ']');
		shape = strv_starts(rest, STRV(":")) && host.n > 0;
		strv_cut(&rest, ':');
	} else if (memchr(rest.p, ':', rest.n) != NULL) {
		host = strv_cut(&rest, ':');
		shape = host.n > 0;
	}
	if (!shape || !num_parse_u64(rest, 1, 65535, &port) ||
	    !strv_copy(host, addr->host, sizeof(addr->host)) ||
	    !strv_copy(rest, addr->port, sizeof(addr->port))) {
		err_set(err, EINVAL,
		    "is none of /path, @name, ip:port, [v6]:port, port, "
		    "fd:N, systemd:NAME");
		return false;
	}
	return true;
}

static int tcp_bind(const struct addrinfo *to, bool only_v6, struct err *err)
{
	int fd = socket_new(to->ai_family, err);
	int on = 1, v6only = only_v6;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (to->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
		    sizeof(v6only)) != 0)) {
		err_set_errno(err, "setsockopt");
		close(fd);
		return -1;
	}
	if (bind(fd, to->ai_addr, to->ai_addrlen) != 0) {
		err_set_errno(err, "bind");
		close(fd);
		return -1;
	}
	return fd;
}

/* freeaddrinfo() is the caller's; NULL: not an address of this family. */
static struct addrinfo *tcp_resolve(
    const struct tcp_address *addr, int family, struct err *err)
{
	const struct addrinfo hints = {
	    .ai_family = family,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	const char *host = addr->host[0] != '\0' ? addr->host : NULL;
	struct addrinfo *found;

	if (getaddrinfo(host, addr->port, &hints, &found) == 0)
		return found;
	err_set(err, EINVAL, "%s is not an IPv%d address", addr->host,
	    family == AF_INET6 ? 6 : 4);
	return NULL;
}

static bool tcp_check(const struct pool_listen_conf *conf, struct err *err)
{
	struct tcp_address addr;
	struct addrinfo *found;

	if (!tcp_address_parse(conf->address, &addr, err))
		return false;
	if (addr.host[0] == '\0')
		return true;
	found = tcp_resolve(&addr, addr.v6 ? AF_INET6 : AF_INET, err);
	if (found != NULL)
		freeaddrinfo(found);
	return found != NULL;
}

static int tcp_bind_numeric(
    const struct tcp_address *addr, int family, struct err *err)
{
	struct addrinfo *found = tcp_resolve(addr, family, err);
	int fd;

	if (found == NULL)
		return -1;
	fd = tcp_bind(found, addr->host[0] != '\0', err);
	freeaddrinfo(found);
	return fd;
}

static int tcp_open(const struct pool_listen_conf *conf, struct err *err)
{
	struct tcp_address addr;
	int fd;

	if (!tcp_address_parse(conf->address, &addr, err))
		return -1;
	if (addr.host[0] != '\0') {
		fd = tcp_bind_numeric(&addr, addr.v6 ? AF_INET6 : AF_INET, err);
	} else {
		/* One socket for both families where the kernel has v6 ... */
		fd = tcp_bind_numeric(&addr, AF_INET6, err);
		if (fd < 0 &&
		    (err->code == EAFNOSUPPORT || err->code == EADDRNOTAVAIL))
			fd = tcp_bind_numeric(&addr, AF_INET, err);
	}
	return fd < 0 ? -1 : listen_on(fd, conf->backlog, err);
}

/* ---- all forms ----------------------------------------------------------- */

/* By how an address begins; the last takes all that is left. */
static const struct form {
	struct strv prefix;
	bool (*check)(const struct pool_listen_conf *conf, struct err *err);
	int (*open)(const struct pool_listen_conf *conf, struct err *err);
} forms[] = {
    {{"/", 1}, unix_check, unix_open},
    {{"@", 1}, abstract_check, abstract_open},
    {{"fd:", 3}, pool_inherit_fd_check, pool_inherit_fd},
    {{"systemd:", 8}, pool_inherit_systemd_check, pool_inherit_systemd},
    {{"", 0}, tcp_check, tcp_open},
};

static const struct form *form_of(const char *address)
{
	const struct form *form = forms;

	while (!strv_starts(strv_c(address), form->prefix))
		form++;
	return form;
}

bool pool_listen_check(const struct pool_listen_conf *conf, struct err *err)
{
	if (form_of(conf->address)->check(conf, err))
		return true;
	err_wrap(err, "listen %s", conf->address);
	return false;
}

int pool_listen_open(const struct pool_listen_conf *conf, struct err *err)
{
	int fd = form_of(conf->address)->open(conf, err);

	if (fd < 0)
		err_wrap(err, "listen %s", conf->address);
	return fd;
}

bool pool_listen_is_made(int fd)
{
	return bound_find(fd) != NULL;
}

void pool_listen_adopt(const struct pool_listen_conf *conf, int fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNSPEC};
	socklen_t len = sizeof(addr) - 1; /* a path may have no terminator */
	struct bound *note = bound_unused();
	struct stat st;

	if (note == NULL ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		return;
	if (strcmp(addr.sun_path, conf->address) != 0)
		log_warning("listen = %s takes a restart: %s stays in use",
		    conf->address, addr.sun_path);
	else if (lstat(addr.sun_path, &st) == 0)
		*note = (struct bound){true, fd, st.st_dev, st.st_ino};
}

void pool_listen_close(const struct pool_listen_conf *conf, int fd)
{
	struct bound *note = bound_find(fd);
	struct stat st;

	/* Unlink first: a connect between the two would be accepted by nobody. */
	if (note != NULL) {
		if (lstat(conf->address, &st) == 0 && st.st_dev == note->dev &&
		    st.st_ino == note->ino)
			unlink(conf->address);
		note->used = false;
	}
	close(fd);
}
